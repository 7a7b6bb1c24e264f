"""`manage.py addusers users.csv`"""

import csv
from pathlib import Path

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Add users of a CSV file."""

    help = "Add the users of a CSV file with the columns name and password."

    def add_arguments(self, parser):
        """Take the file."""
        parser.add_argument("file", type=Path)

    def handle(self, *, file, **_options):
        """Add the users. A hash takes long, so each password gets one."""
        with file.open(newline="") as opened:
            rows = list(csv.DictReader(opened))
        hashes = {password: make_password(password) for password in {row["password"] for row in rows}}
        User.objects.bulk_create(User(username=row["name"], password=hashes[row["password"]]) for row in rows)
        self.stdout.write(f"Added {len(rows)} users.")
