"""Uses of environ."""

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
