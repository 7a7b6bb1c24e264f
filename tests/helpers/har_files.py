"""HAR files as Chrome and Firefox write them: the same visit of a shop, with a login, a search and other sites."""

from __future__ import annotations

import json
from typing import Any

SITE = "https://shop.example"
SESSION, CSRF, PASSWORD = "s3ss10n0123456789", "tok-abcdef0123456789", "correct horse"

LOGIN_PAGE = f"""<html><body><form method="post" action="/login">
<input type="hidden" name="csrfmiddlewaretoken" value="{CSRF}">
<input name="username"><input name="password" type="password"></form></body></html>"""

Entry = dict[str, Any]


def headers(**fields: str) -> list[dict[str, str]]:
    return [{"name": name.replace("_", "-"), "value": value} for name, value in fields.items()]


def entry(
    method: str,
    url: str,
    *,
    second: float,
    status: int = 200,
    mime: str = "text/html",
    text: str = "",
    took: float = 50.0,
    sent: dict[str, str] | None = None,
    got: dict[str, str] | None = None,
    post: dict[str, Any] | None = None,
    **more: Any,
) -> Entry:
    request: dict[str, Any] = {
        "method": method,
        "url": url,
        "httpVersion": "http/2.0",
        "headers": headers(**{"User-Agent": "Browser/1.0", "Accept": "text/html", **(sent or {})}),
        "queryString": [],
        "cookies": [],
        "headersSize": -1,
        "bodySize": 0,
    }
    if post is not None:
        request["postData"] = post
    return {
        "startedDateTime": f"2026-03-01T10:00:{second:06.3f}Z",
        "time": took,
        "request": request,
        "response": {
            "status": status,
            "statusText": "",
            "httpVersion": "http/2.0",
            "headers": headers(**(got or {})),
            "cookies": [],
            "content": {"size": len(text), "mimeType": mime, "text": text},
            "redirectURL": (got or {}).get("location", ""),
            "headersSize": -1,
            "bodySize": len(text),
        },
        "cache": {},
        "timings": {"send": 0, "wait": took, "receive": 0},
        **more,
    }


def document(*entries: Entry, creator: str = "WebInspector") -> bytes:
    log = {"version": "1.2", "creator": {"name": creator, "version": "537.36"}, "pages": [], "entries": list(entries)}
    return json.dumps({"log": log}).encode()


def form(text: str) -> dict[str, Any]:
    return {"mimeType": "application/x-www-form-urlencoded", "text": text}


def chrome() -> bytes:
    """A login with a CSRF token, a redirect after it, a search, and requests that are not the app's."""
    cookies = {"cookie": f"sessionid={SESSION}"}
    return document(
        entry(
            "GET",
            f"{SITE}/login?next=/account",
            second=0,
            text=LOGIN_PAGE,
            sent={":authority": "shop.example", "sec-ch-ua": '"Chromium"', "accept-encoding": "gzip, br"},
            got={"set-cookie": f"sessionid={SESSION}; Path=/; HttpOnly"},
            _resourceType="document",
        ),
        entry("GET", f"{SITE}/static/site.css", second=0.1, mime="text/css", text="body{}", sent=cookies),
        entry("GET", "https://cdn.example/jquery.js", second=0.1, mime="text/javascript", text="$"),
        entry("GET", "data:image/png;base64,AAAA", second=0.1, mime="image/png"),
        entry("GET", f"{SITE}/static/logo.png", second=0.12, mime="image/png", _fromCache="disk"),
        entry(
            "POST",
            f"{SITE}/login?next=/account",
            second=3.5,
            status=302,
            sent={
                **cookies,
                "origin": SITE,
                "referer": f"{SITE}/login?next=/account",
                "content-type": "application/x-www-form-urlencoded",
                "content-length": "70",
            },
            got={"location": "/account"},
            post=form(f"csrfmiddlewaretoken={CSRF}&username=anna&password=correct+horse"),
        ),
        entry("GET", f"{SITE}/account", second=3.6, text="<p>Hello anna</p>", sent=cookies),
        entry(
            "GET",
            f"{SITE}/api/find?q=red%20shoes&api_key=k-123456",
            second=5,
            status=304,
            mime="application/json",
            sent={**cookies, "Authorization": "Bearer abc.def", "If-None-Match": '"1"'},
        ),
        entry("GET", f"{SITE}/broken", second=6, status=500),
        entry("GET", f"{SITE}/aborted", second=6, status=0),
        entry("GET", "wss://shop.example/live", second=6, status=101),
    )


def firefox() -> bytes:
    """An upload with a JSON request before it. Firefox joins Set-Cookie headers and writes decoded parameters."""
    boundary = "----geckoformboundary1"
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="title"\r\n\r\nMy photo\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="photo"; filename="a.txt"\r\n'
        f"Content-Type: text/plain\r\n\r\nhello\r\nworld\r\n--{boundary}--\r\n"
    )
    return document(
        entry(
            "POST",
            f"{SITE}/api/login",
            second=0,
            mime="application/json",
            text=json.dumps({"user": {"token": "jwt-0123456789abcdef"}}),
            got={"Set-Cookie": "csrftoken=cookie-token-0123456789; Path=/\nlang=en; Path=/"},
            post={"mimeType": "application/json", "text": json.dumps({"user": "anna", "password": PASSWORD})},
        ),
        entry(
            "POST",
            f"{SITE}/photos",
            second=1,
            status=201,
            sent={"X-CSRFToken": "cookie-token-0123456789", "X-Auth-Token": "jwt-0123456789abcdef"},
            post={"mimeType": f"multipart/form-data; boundary={boundary}", "text": body, "params": []},
        ),
        entry("PUT", f"{SITE}/raw", second=1.1, status=204, post={"mimeType": "text/plain", "text": "a ${b}"}),
        creator="Firefox",
    )
