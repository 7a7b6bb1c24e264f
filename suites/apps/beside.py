"""The reference app with an app of the user's own beside it: what a check with `--app` serves."""

from __future__ import annotations

from .control import users_app
from .reference import application as reference_app
from .user_app_header import beside

application = beside(reference_app, users_app())
