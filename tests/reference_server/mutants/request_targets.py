"""Faults in reading request targets: whole URLs, repeated slashes, missing parts, and bytes that are no ASCII."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_from_bytes, unquote_to_bytes

from wsgi_gauntlet.servers.reference_server import environ, parsing
from wsgi_gauntlet.servers.reference_server.parsing import RequestLine, Target
from wsgi_gauntlet.servers.reference_server.rejection import RequestRejected

from .mutation import mutant, replace, wrap_function

# ---------------------------------------------------------------------- whole URLs


def _targets(wrong: Callable[[bytes, bytes], Target | None]) -> None:
    """Let `wrong` read a method and a target first; None leaves them to the server."""

    def target(right: Any, method: bytes, text: bytes) -> Target:
        found = wrong(method, text)
        return found if found is not None else right(method, text)

    wrap_function(parsing, "target", target)


def _rewritten(pattern: bytes, replacement: bytes) -> None:
    wrap_function(
        parsing, "target", lambda right, method, text: right(method, re.sub(pattern, replacement, text, count=1))
    )


@mutant("http/request-line/absolute-form-userinfo")
def userinfo_skipped() -> None:
    """The server ignores a user name in a whole URL."""
    _rewritten(rb"(?i)^(https?://)[^/?#@]*@", rb"\1")


@mutant("http/request-line/absolute-form-no-host", "http/request-line/absolute-form-no-host-over-tls")
def host_of_url_optional() -> None:
    """The server accepts a whole URL without a host, and uses the Host field."""

    def target(_method: bytes, text: bytes) -> Target | None:
        match = re.fullmatch(rb"(?i)http(s?)://(?:[a-z]+@)?(?::[0-9]*)?(/[^?]*)?(?:\?(.*))?", text)
        return Target(match[2] or b"/", match[3] or b"", secure=bool(match[1])) if match else None

    _targets(target)


@mutant("http/request-line/absolute-form-malformed", "http/request-line/absolute-form-scheme")
def any_url_read() -> None:
    """The server uses the last segment of a target that is no URL of HTTP."""

    def target(right: Any, method: bytes, text: bytes) -> Target:
        try:
            found: Target = right(method, text)
        except RequestRejected:
            return Target(b"/" + text.rpartition(b"/")[2])
        return found

    wrap_function(parsing, "target", target)


@mutant("http/request-line/absolute-form-scheme-case", "http/request-line/absolute-form-scheme-case-over-tls")
def scheme_exact() -> None:
    """The server recognizes the scheme of a whole URL only in lower case."""
    replace(parsing, "_ABSOLUTE", re.compile(parsing._ABSOLUTE.pattern))


@mutant("http/request-line/absolute-form-query-only")
def query_needs_a_path() -> None:
    """The query of a whole URL without a path is lost."""
    _rewritten(rb"^(https?://[^/?]*)\?.*", rb"\1")


@mutant("http/request-line/absolute-form-hosts")
def host_of_url_suffices() -> None:
    """The server does not check the Host field if the target is a whole URL."""
    authorities: list[bytes | None] = [None]

    def target(right: Any, method: bytes, text: bytes) -> Target:
        found: Target = right(method, text)
        authorities[0] = found.authority
        return found

    wrap_function(parsing, "target", target)
    wrap_function(
        parsing, "check_host", lambda right, fields, used: None if authorities[0] is not None else right(fields, used)
    )


@mutant("http/request-line/absolute-form-http10")
def host_defaulted() -> None:
    """A request for a whole URL without a Host field gets a default host."""

    def named(right: Any, fields: Any, authority: bytes | None) -> Any:
        return right(fields, None if authority is None else dict(fields).get(b"Host", b"localhost"))

    wrap_function(parsing, "named", named)


# ---------------------------------------------------------------------- the form of a target


@mutant("http/request-line/missing-target")
def target_invented() -> None:
    """The server reads a request line without a target as a request for the root."""
    replace(parsing, "plausible", lambda _beginning: True)

    def request_line(right: Any, line: bytes) -> RequestLine:
        if len(line.split()) < 3:
            return RequestLine(b"GET", b"/", (1, 1))
        found: RequestLine = right(line)
        return found

    wrap_function(parsing, "request_line", request_line)


@mutant("http/request-line/version-space")
def words_behind_the_target_ignored() -> None:
    """The server ignores the words behind the target, and assumes HTTP/1.1."""

    def request_line(line: bytes) -> RequestLine:
        method, target = line.split()[:2]
        return RequestLine(method, target, (1, 1))

    replace(parsing, "request_line", request_line)


@mutant("http/request-line/query-only")
def query_at_the_root() -> None:
    """A target that is only a query means the root."""
    _rewritten(rb"^\?", b"/?")


@mutant("http/request-line/no-leading-slash")
def slash_put_before() -> None:
    """The server puts a slash before a target that has none."""
    _targets(lambda _method, text: Target(b"/" + text) if text[:1] not in b"/*?h" else None)


@mutant("http/request-line/fragment-forms")
def fragments_kept() -> None:
    """The app gets the fragment as a part of the path or the query."""

    def target(_method: bytes, text: bytes) -> Target | None:
        path, _, query = re.sub(rb"^http://[^/]*", b"", text).partition(b"?")
        return Target(path, query) if b"#" in text else None

    _targets(target)


@mutant("http/request-line/connect-not-authority")
def connect_anywhere() -> None:
    """The app gets CONNECT if its target is no host and port."""

    def target(method: bytes, text: bytes) -> Target | None:
        return Target(b"/") if method == b"CONNECT" and not parsing._AUTHORITY.match(text) else None

    _targets(target)


# ---------------------------------------------------------------------- slashes and the mount


@mutant("http/request-line/double-slash-valid")
def double_slash_refused() -> None:
    """The server rejects a path with an empty segment."""

    def target(_method: bytes, text: bytes) -> Target | None:
        if b"//" in re.sub(rb"^http://[^/]*", b"", text).partition(b"?")[0]:
            raise RequestRejected(400, "a segment of the path is empty")
        return None

    _targets(target)


@mutant(
    "http/request-line/double-slash-valid/host-like",
    "http/request-line/double-slash-valid/port-like",
    "http/request-line/double-slash-valid/userinfo-like",
    "http/request-line/double-slash-valid/whole-url",
)
def first_segment_as_host() -> None:
    """The server reads the first segment after `//` as a host."""
    _rewritten(rb"^((?:http://[^/]*)?)//[^/]*\.example(?::80)?/", rb"\1/")


@mutant("http/request-line/mount-encoded")
def mount_compared_undecoded() -> None:
    """The server compares the mount with the path before it decodes the path."""

    def cgi(right: Any, request: Any, place: Any) -> Any:
        if not request.target.path.startswith(place.mount.encode()):
            raise RequestRejected(404, "nothing is served there")
        return right(request, place)

    wrap_function(environ, "cgi", cgi)


# ---------------------------------------------------------------------- characters and bytes


def _methods_refused(pattern: bytes) -> None:
    def request_line(right: Any, line: bytes) -> RequestLine:
        found: RequestLine = right(line)
        if not re.fullmatch(pattern, found.method):
            raise RequestRejected(400, "this is no method")
        return found

    wrap_function(parsing, "request_line", request_line)


@mutant(
    *(
        f"http/request-line/method-tchars/{variant}"
        for variant in ("hyphen", "underscore", "punctuation", "begins-with-punctuation", "digits", "letters")
    )
)
def methods_of_capitals() -> None:
    """A method with other characters than capitals gets 400."""
    _methods_refused(rb"[A-Z]+")


@mutant("http/request-line/method-tchars/one-letter")
def short_methods_refused() -> None:
    """A method of one or two letters gets 400."""
    _methods_refused(rb".{3,}")


def _raw_query(convert: Callable[[bytes], str]) -> None:
    """Accept raw bytes in the query, and let `convert` make QUERY_STRING of them."""
    query = parsing.QUERY.replace(rb"?-]", rb"?\x80-\xff-]")
    replace(parsing, "_ORIGIN", re.compile(rb"(/" + parsing.PATH + rb")(?:\?(" + query + rb"))?\Z"))
    _variable("QUERY_STRING", lambda value: convert(value.encode("latin-1")))


def _variable(name: str, convert: Callable[[str], str]) -> None:
    def cgi(right: Any, *about: Any) -> Any:
        variables = right(*about)
        variables[name] = convert(variables[name])
        return variables

    wrap_function(environ, "cgi", cgi)


@mutant("http/request-line/non-ascii-query")
def query_as_utf_8() -> None:
    """The server accepts raw bytes above 0x7F in the query and decodes them as UTF-8."""
    _raw_query(lambda query: query.decode("utf-8", "replace"))


@mutant("http/request-line/non-ascii-query")
def query_encoded_twice() -> None:
    """The server percent-encodes raw bytes in the query twice."""
    _raw_query(lambda query: "q=" + quote_from_bytes(quote_from_bytes(query[2:]).encode()))


def _with_invalid_utf_8_replaced(value: str) -> str:
    data = value.encode("latin-1")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")
    return value


@mutant("pep3333/environ/path-bytes-not-utf8", "pep3333/environ/path-bytes-mounted/not-utf8")
def invalid_utf_8_replaced() -> None:
    """Bytes of the path that are no UTF-8 become U+FFFD."""
    _variable("PATH_INFO", _with_invalid_utf_8_replaced)


@mutant("pep3333/environ/path-bytes-mounted/utf8")
def mounted_path_as_utf_8() -> None:
    """Below a mount, the path is decoded as UTF-8."""

    def split(right: Any, path: str, mount: str) -> tuple[str, str]:
        script_name, path_info = right(path, mount)
        return script_name, path_info.encode("latin-1").decode("utf-8", "replace") if mount else path_info

    wrap_function(environ, "split", split)


@mutant("pep3333/environ/query-bytes-kept")
def query_escapes_decoded() -> None:
    """The server decodes the escapes in the query."""
    _variable("QUERY_STRING", lambda query: unquote_to_bytes(query).decode("latin-1"))
