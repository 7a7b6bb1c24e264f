"""Register, log in and log out. The session cookie holds the id of the user."""

import functools

from flask import Blueprint, flash, g, redirect, render_template, request, session, url_for
from werkzeug.security import check_password_hash, generate_password_hash

from .db import get_db

blueprint = Blueprint("auth", __name__, url_prefix="/auth")


@blueprint.before_app_request
def load_user():
    """Read the user of the session before each request."""
    user = session.get("user")
    g.user = get_db().execute("SELECT * FROM user WHERE id = ?", (user,)).fetchone() if user else None


def login_required(view):
    """Send people without a session to the login page."""

    @functools.wraps(view)
    def wrapped(**values):
        return view(**values) if g.user else redirect(url_for("auth.login"))

    return wrapped


@blueprint.route("/register", methods=("GET", "POST"))
def register():
    """Add a user."""
    if request.method == "POST":
        name, password = request.form["name"].strip(), request.form["password"]
        db = get_db()
        if not (name and password):
            flash("Give a name and a password.")
        elif db.execute("SELECT id FROM user WHERE name = ?", (name,)).fetchone():
            flash("There is a user with this name.")
        else:
            db.execute("INSERT INTO user (name, password) VALUES (?, ?)", (name, generate_password_hash(password)))
            db.commit()
            return redirect(url_for("auth.login"))
    return render_template("register.html")


@blueprint.route("/login", methods=("GET", "POST"))
def login():
    """Begin a session."""
    if request.method == "POST":
        user = get_db().execute("SELECT * FROM user WHERE name = ?", (request.form["name"],)).fetchone()
        if user and check_password_hash(user["password"], request.form["password"]):
            session.clear()
            session["user"] = user["id"]
            return redirect(url_for("index"))
        flash("The name or the password is wrong.")
    return render_template("login.html")


@blueprint.route("/logout")
def logout():
    """End the session."""
    session.clear()
    return redirect(url_for("index"))
