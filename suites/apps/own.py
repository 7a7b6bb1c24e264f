"""The user's own app, named by GAUNTLET_APP, behind the harness's control paths."""

from __future__ import annotations

from .control import behind_control, users_app

application = behind_control(users_app())
