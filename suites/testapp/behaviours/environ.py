"""Uses of environ and of wsgi.errors in it."""

from __future__ import annotations

from urllib.parse import quote

from ..core.call import Call


def mutate(call: Call) -> list[bytes]:
    """Empty environ and put a mark into it, as an app is allowed to."""

    def change() -> None:
        call.environ.clear()
        call.environ["gauntlet.mark"] = "from an earlier request"

    token = call.token
    call.attempt("mutate", change)
    return call.text(f"gauntlet {token}\n")


def reconstruct(call: Call) -> list[bytes]:
    """Rebuild the URL with the algorithm of PEP 3333, URL Reconstruction, and report it as `url`."""
    environ = call.environ
    url = environ["wsgi.url_scheme"] + "://"
    if environ.get("HTTP_HOST"):
        url += environ["HTTP_HOST"]
    else:
        url += environ["SERVER_NAME"]
        standard = "443" if environ["wsgi.url_scheme"] == "https" else "80"
        if environ["SERVER_PORT"] != standard:
            url += ":" + environ["SERVER_PORT"]
    url += quote(environ.get("SCRIPT_NAME", ""))
    url += quote(environ.get("PATH_INFO", ""))
    if environ.get("QUERY_STRING"):
        url += "?" + environ["QUERY_STRING"]
    call.emit("url", url=url)
    return call.text(url + "\n")


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
