"""python -m wsgi_gauntlet.servers.reference_server: see command_line.py."""

from __future__ import annotations

from .command_line import main

main()
