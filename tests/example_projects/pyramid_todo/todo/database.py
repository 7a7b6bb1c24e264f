"""The connection to sqlite, one for each request, and the passwords of users."""

import hashlib
import hmac
import sqlite3


def connect(file):
    """Return a connection to the database in `file`."""
    connection = sqlite3.connect(file, timeout=30)
    connection.row_factory = sqlite3.Row
    return connection


def request_connection(request):
    """Return the connection of `request`. It is closed at the end of the request."""
    connection = connect(request.registry.settings["todo.database"])
    request.add_finished_callback(lambda _request: connection.close())
    return connection


def hash_password(password, salt):
    """Return the hash of `password`, which takes long on purpose."""
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 100_000)


def password_is_correct(connection, name, password):
    """Return whether `name` is a user with this password."""
    user = connection.execute("SELECT salt, hash FROM user WHERE name = ?", (name,)).fetchone()
    return user is not None and hmac.compare_digest(hash_password(password, user["salt"]), user["hash"])
