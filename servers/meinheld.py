"""meinheld: one process and greenlets in C, listed because its users ask after it. https://github.com/mopemope/meinheld"""

from __future__ import annotations

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch


class Meinheld(Adapter):
    """meinheld, which no interpreter of today can have.

    Its own C compiles on Python 3.11 and even serves with greenlet 3.5, but its requirements forbid that pair, so pip
    comes to greenlet 0.4.17, which uses members of the interpreter's structures that are no more.
    """

    name = "meinheld"
    title = "meinheld"
    distribution = "meinheld"
    unavailable_reason = (
        "its last version, 1.0.2, requires greenlet<0.5, whose last, 0.4.17, does not compile on Python 3.11: "
        "'_PyErr_StackItem' has no member named 'exc_type'"
    )
    environ_support = "nothing starts it"

    def command(self, launch: Launch) -> Command:  # noqa: ARG002 - there is none for any launch
        """Raise Unsupported."""
        raise Unsupported(f"meinheld cannot be had: {self.unavailable_reason}")


ADAPTER = Meinheld()
