"""The test app with the user app beside it: the app of a check with `--app`."""

from __future__ import annotations

from .core.user_app_choice import with_user_app
from .core.user_app_loader import load_user_app
from .reference import application as reference_app

application = with_user_app(reference_app, load_user_app())
