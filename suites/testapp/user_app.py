"""The user app, which WSGI_GAUNTLET_APP names, with the control paths of the harness."""

from __future__ import annotations

from .core.user_app_loader import load_user_app, with_control_paths

application = with_control_paths(load_user_app())
