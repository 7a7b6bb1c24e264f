"""The connection to sqlite, one for each request, and the commands that make the database."""

import csv
import sqlite3
from pathlib import Path

import click
from flask import current_app, g
from werkzeug.security import generate_password_hash


def get_db():
    """Return the connection of this request."""
    if "db" not in g:
        g.db = sqlite3.connect(current_app.config["DATABASE"], timeout=30)
        g.db.row_factory = sqlite3.Row
    return g.db


def close_db(_error=None):
    """Close the connection of this request, if there is one."""
    db = g.pop("db", None)
    if db is not None:
        db.close()


@click.command("init-db")
def init_db():
    """Make empty tables. Old data is lost."""
    with current_app.open_resource("schema.sql") as schema:
        get_db().executescript(schema.read().decode())
    click.echo("The database is empty and ready.")


@click.command("add-users")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def add_users(file):
    """Add the users of a CSV FILE with the columns name and password."""
    hashes = {}
    db = get_db()
    with file.open(newline="") as opened:
        for row in csv.DictReader(opened):
            if row["password"] not in hashes:
                hashes[row["password"]] = generate_password_hash(row["password"])
            db.execute("INSERT INTO user (name, password) VALUES (?, ?)", (row["name"], hashes[row["password"]]))
    db.commit()
    click.echo("The users are in the database.")


def init_app(app):
    """Close connections after requests, and add the commands."""
    app.teardown_appcontext(close_db)
    app.cli.add_command(init_db)
    app.cli.add_command(add_users)
