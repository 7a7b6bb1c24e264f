"""meinheld: one process and greenlets in C. It is only listed, for its users. https://github.com/mopemope/meinheld"""

from __future__ import annotations

from wsgi_gauntlet.harness.server.adapter import ServerDescription


class Meinheld(ServerDescription):
    """meinheld, which no current interpreter can have.

    Its own C code compiles on Python 3.11 and serves with greenlet 3.5, but its requirements forbid that pair. So pip
    selects greenlet 0.4.17, which uses members of the interpreter's structures that were removed.
    """

    name = "meinheld"
    title = "meinheld"
    distribution = "meinheld"
    unavailable_reason = (
        "its last version, 1.0.2, requires greenlet<0.5, whose last, 0.4.17, does not compile on Python 3.11: "
        "'_PyErr_StackItem' has no member named 'exc_type'"
    )
    environ_support = "nothing starts it"


ADAPTER = Meinheld()
