"""The board: everybody reads notices, users write them and take down their own."""

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for

from .auth import login_required
from .db import get_db

blueprint = Blueprint("notices", __name__)

SELECT = "SELECT n.id, title, body, created, author_id, name FROM notice n JOIN user u ON n.author_id = u.id"


@blueprint.route("/")
def index():
    """Show the last notices."""
    notices = get_db().execute(f"{SELECT} ORDER BY n.id DESC LIMIT 20").fetchall()
    return render_template("index.html", notices=notices)


@blueprint.route("/write", methods=("GET", "POST"))
@login_required
def write():
    """Write a notice."""
    if request.method == "POST":
        title = request.form["title"].strip()
        if title:
            db = get_db()
            row = db.execute(
                "INSERT INTO notice (title, body, author_id) VALUES (?, ?, ?)",
                (title, request.form["body"], g.user["id"]),
            )
            db.commit()
            return redirect(url_for("notices.show", number=row.lastrowid))
        flash("Give a title.")
    return render_template("write.html")


@blueprint.route("/notice/<int:number>")
def show(number):
    """Show one notice."""
    notices = get_db().execute(f"{SELECT} WHERE n.id = ?", (number,)).fetchall()
    if not notices:
        abort(404)
    return render_template("index.html", notices=notices)


@blueprint.route("/notice/<int:number>/take-down", methods=("POST",))
@login_required
def take_down(number):
    """Delete a notice of the user."""
    db = get_db()
    notice = db.execute("SELECT author_id FROM notice WHERE id = ?", (number,)).fetchone()
    if notice is None:
        abort(404)
    if notice["author_id"] != g.user["id"]:
        abort(403)
    db.execute("DELETE FROM notice WHERE id = ?", (number,))
    db.commit()
    return redirect(url_for("index"))
