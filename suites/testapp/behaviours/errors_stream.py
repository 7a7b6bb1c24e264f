"""Uses of wsgi.errors."""

from __future__ import annotations

from ..core.call import Call


def errors_methods(call: Call) -> list[bytes]:
    """Use the three methods that wsgi.errors must have."""
    stream = call.environ["wsgi.errors"]
    call.attempt("write", lambda: stream.write("wsgi-gauntlet: write\n"))
    call.attempt("writelines", lambda: stream.writelines(["wsgi-gauntlet: writelines, ", "two parts\n"]))
    call.attempt("flush", lambda: stream.flush())
    return call.text(f"gauntlet {call.token}\n")


def errors_unicode(call: Call) -> list[bytes]:
    """Write text from different parts of Unicode to wsgi.errors."""
    stream = call.environ["wsgi.errors"]
    call.attempt("write", lambda: stream.write("wsgi-gauntlet: caf\xe9, \u2603, \U0001f40d\n"))
    call.attempt("flush", lambda: stream.flush())
    return call.text(f"gauntlet {call.token}\n")


def errors_log(call: Call) -> list[bytes]:
    """Write one line that holds `line` to wsgi.errors."""
    stream = call.environ["wsgi.errors"]
    stream.write(f"wsgi-gauntlet: {call.query.get('line', '')}\n")
    stream.flush()
    return call.text(f"gauntlet {call.token}\n")


def errors_lines(call: Call) -> list[bytes]:
    """Write two lines at once to wsgi.errors: `line` followed by -1, and by -2."""
    stream = call.environ["wsgi.errors"]
    line = call.query.get("line", "")
    stream.write(f"{line}-1\n{line}-2\n")
    stream.flush()
    return call.text(f"gauntlet {call.token}\n")
