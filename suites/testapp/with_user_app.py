"""The reference app with an app of the user's own beside it: what a check with `--app` serves."""

from __future__ import annotations

from .core.user_app_choice import with_user_app
from .core.user_app_loader import load_user_app
from .reference import application as reference_app

application = with_user_app(reference_app, load_user_app())
