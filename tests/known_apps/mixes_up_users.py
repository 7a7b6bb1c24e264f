"""Users log in and see their own account, except that the app is not thread-safe.

The name of the present user is a global variable of the process. The app sets it, asks its database (2 ms), and then
makes the page. If the process serves another request in the meantime, the page shows the other user's account. A
process that serves one request at a time never mixes up users.

`/login` (POST, field `name`) sets a cookie, `/account` shows the account, `/logout` (POST) deletes the cookie.
"""

from __future__ import annotations

import time
from html import escape
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

from .response import form, not_found, respond

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


def create_app(milliseconds: float = 2, sleep: Callable[[float], object] | None = None) -> WSGIApplication:
    """Return an app that asks its database for `milliseconds` between two uses of the global variable.

    `sleep` waits for seconds. Without it, `time.sleep` of the moment is used: gevent may have replaced it.
    """
    present = {"user": ""}

    def account(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        present["user"] = user_of(environ)
        (sleep or time.sleep)(milliseconds / 1000)
        if not present["user"]:
            return respond(start_response, "log in first\n", status="403 Forbidden")
        page = f"<h1>The account of {escape(present['user'])}</h1>\n"
        return respond(start_response, page, kind="text/html")

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        what = (environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""))
        if what == ("GET", "/account"):
            return account(environ, start_response)
        if what == ("POST", "/login"):
            name = "".join(filter(str.isalnum, form(environ).get("name", "")))[:40]
            if not name.isascii() or not name:
                return respond(start_response, "who are you?\n", status="400 Bad Request")
            cookie = f"user={name}; Path=/; HttpOnly"
            headers = [("Location", "/account"), ("Set-Cookie", cookie)]
            return respond(start_response, "logged in\n", status="303 See Other", headers=headers)
        if what == ("POST", "/logout"):
            gone = [("Set-Cookie", "user=; Path=/; Max-Age=0")]
            return respond(start_response, "logged out\n", headers=gone)
        return not_found(start_response)

    return app


def user_of(environ: WSGIEnvironment) -> str:
    """Return the name in the cookie of a request, '' without one."""
    try:
        cookie = SimpleCookie(environ.get("HTTP_COOKIE", "")).get("user")
    except CookieError:
        return ""
    return cookie.value if cookie else ""


app = create_app()
