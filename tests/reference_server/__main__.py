"""python -m reference_server --mutant PLACE [OPTIONS OF THE REFERENCE SERVER]: the reference server with one fault."""

from __future__ import annotations

import sys

from wsgi_gauntlet.servers.reference_server import command_line

from . import mutants

_, option, place, *rest = sys.argv
if option != "--mutant":
    sys.exit("the first argument must be --mutant")
mutants.install(place)
command_line.main(rest)
