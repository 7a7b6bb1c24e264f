"""meinheld: one process and greenlets in C, listed because its users ask after it. https://github.com/mopemope/meinheld"""

from __future__ import annotations

from ..harness.adapter import Adapter, Command, Launch
from ..harness.errors import Unsupported


class Meinheld(Adapter):
    """meinheld, which no interpreter of today can have.

    Its own C compiles on Python 3.11 and even serves with greenlet 3.5, but its requirements forbid that pair, so pip
    comes to greenlet 0.4.17, which uses members of the interpreter's structures that are no more.
    """

    name = "meinheld"
    title = "meinheld"
    distribution = "meinheld"
    gone = (
        "its last version, 1.0.2, requires greenlet<0.5, whose last, 0.4.17, does not compile on Python 3.11: "
        "'_PyErr_StackItem' has no member named 'exc_type'"
    )
    deployment = "nothing starts it"

    def command(self, launch: Launch) -> Command:  # noqa: ARG002 - there is none for any launch
        """Raise Unsupported."""
        raise Unsupported(f"meinheld cannot be had: {self.gone}")


ADAPTER = Meinheld()
