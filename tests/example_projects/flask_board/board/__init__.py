"""A notice board, with the structure of the tutorial of Flask: a factory, blueprints, sessions and sqlite."""

import os
from pathlib import Path

from flask import Flask

from . import auth, db, notices


def create_app(config=None):
    """Make the app. `config` replaces settings, for example in tests."""
    app = Flask(__name__, instance_relative_config=True)
    app.config.from_mapping(
        SECRET_KEY=os.environ.get("SECRET_KEY", "dev"),
        DATABASE=str(Path(app.instance_path) / "board.sqlite"),
    )
    if config is None:
        app.config.from_pyfile("config.py", silent=True)
    else:
        app.config.from_mapping(config)
    Path(app.instance_path).mkdir(exist_ok=True)

    db.init_app(app)
    app.register_blueprint(auth.blueprint)
    app.register_blueprint(notices.blueprint)
    app.add_url_rule("/", endpoint="index")
    return app
