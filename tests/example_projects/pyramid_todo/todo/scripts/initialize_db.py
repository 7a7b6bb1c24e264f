"""Make the database with the users of a CSV file: `python -m todo.scripts.initialize_db users.csv`"""

import csv
import os
import sys
from pathlib import Path

from ..database import connect, hash_password

SCHEMA = """
DROP TABLE IF EXISTS item;
DROP TABLE IF EXISTS user;
CREATE TABLE user (name TEXT PRIMARY KEY, salt BLOB NOT NULL, hash BLOB NOT NULL);
CREATE TABLE item (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  owner TEXT NOT NULL REFERENCES user (name),
  text TEXT NOT NULL
);
"""


def make(file, users):
    """Make the database in `file`, with the users of the CSV file `users`."""
    connection = connect(file)
    connection.executescript(SCHEMA)
    hashes = {}
    with Path(users).open(newline="") as opened:
        for row in csv.DictReader(opened):
            if row["password"] not in hashes:
                salt = os.urandom(16)
                hashes[row["password"]] = (salt, hash_password(row["password"], salt))
            connection.execute("INSERT INTO user VALUES (?, ?, ?)", (row["name"], *hashes[row["password"]]))
    connection.commit()
    connection.close()


if __name__ == "__main__":
    make(Path(__file__).resolve().parents[2] / "todo.sqlite", sys.argv[1])
