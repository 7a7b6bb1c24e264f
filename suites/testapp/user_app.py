"""The user's own app, named by GAUNTLET_APP, behind the harness's control paths."""

from __future__ import annotations

from .core.user_app_loader import load_user_app, with_control_paths

application = with_control_paths(load_user_app())
