"""The WSGI application. Its database is `todo.sqlite` in the folder of the project."""

import os
from pathlib import Path

from . import main

PROJECT = Path(__file__).resolve().parent.parent
application = main(
    {},
    **{
        "todo.database": str(PROJECT / "todo.sqlite"),
        "todo.secret": os.environ.get("COOKIE_SECRET", "a secret of development, with enough characters"),
    },
)
