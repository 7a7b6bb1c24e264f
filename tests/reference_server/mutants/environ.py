"""Faults in environ."""

from __future__ import annotations

import socket
from dataclasses import replace as changed
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

from wsgi_gauntlet.servers.reference_server import environ, server
from wsgi_gauntlet.servers.reference_server.gateway import Gateway

from .mutation import mutant, replace, wrap_function

MOUNTED = "pep3333/environ/script-name-mounted"


def _adds(**variables: Any) -> None:
    wrap_function(environ, "build", lambda right, *about: {**right(*about), **variables})


def _changes(name: str, change: Any) -> None:
    def build(right: Any, *about: Any) -> Any:
        variables = right(*about)
        if name in variables:
            variables[name] = change(variables[name])
        return variables

    wrap_function(environ, "build", build)


def _loses(name: str) -> None:
    def build(right: Any, *about: Any) -> Any:
        variables = right(*about)
        variables.pop(name, None)
        return variables

    wrap_function(environ, "build", build)


@mutant("pep3333/environ/exact-dict")
def environ_of_another_type() -> None:
    """environ is an instance of a subclass of dict."""

    class Environ(dict[str, Any]):
        pass

    wrap_function(environ, "build", lambda right, *about: Environ(right(*about)))


@mutant("pep3333/environ/mutable")
def environ_shared() -> None:
    """All requests share one dictionary."""
    shared: dict[str, Any] = {}

    def build(right: Any, *about: Any) -> Any:
        shared.update(right(*about))
        return shared

    wrap_function(environ, "build", build)


@mutant("pep3333/environ/positional-call")
def app_called_by_keyword() -> None:
    """The app is called with keyword arguments."""
    replace(
        Gateway,
        "call",
        lambda self, application, variables: application(environ=variables, start_response=self.start_response),
    )


@mutant("pep3333/environ/request-method", "http/request-line/baseline")
def method_in_lower_case() -> None:
    """REQUEST_METHOD is in lower case."""
    _changes("REQUEST_METHOD", str.lower)


@mutant("pep3333/environ/script-name")
def root_is_a_slash() -> None:
    """SCRIPT_NAME of an app at the root is '/'."""
    _changes("SCRIPT_NAME", lambda name: name or "/")


@mutant(f"{MOUNTED}/below", f"{MOUNTED}/slash", f"{MOUNTED}/exact")
def mount_missing_in_script_name() -> None:
    """SCRIPT_NAME is empty, although the server removed a prefix from the path."""
    _changes("SCRIPT_NAME", lambda _name: "")


@mutant("pep3333/environ/path-info/decoded")
def path_not_decoded() -> None:
    """PATH_INFO is still percent-encoded."""
    replace(environ, "unquote_to_bytes", lambda path: path)


@mutant("pep3333/environ/path-info/decoded-once")
def path_decoded_twice() -> None:
    """PATH_INFO is percent-decoded twice."""
    replace(environ, "unquote_to_bytes", lambda path: unquote_to_bytes(unquote_to_bytes(path)))


@mutant("pep3333/environ/path-info/double-slash")
def slashes_merged() -> None:
    """Two slashes in the path become one."""
    _changes("PATH_INFO", lambda path: path.replace("//", "/"))


@mutant("pep3333/environ/path-info/trailing-slash")
def trailing_slash_cut() -> None:
    """The server removes a slash at the end of the path."""
    _changes("PATH_INFO", lambda path: path.rstrip("/"))


@mutant("pep3333/environ/path-info/plain")
def path_with_query() -> None:
    """PATH_INFO of a path with more than one segment ends with a question mark."""
    _changes("PATH_INFO", lambda path: f"{path}?" if path.count("/") > 1 else path)


@mutant("pep3333/environ/query-string/kept")
def query_decoded() -> None:
    """QUERY_STRING is percent-decoded."""
    _changes("QUERY_STRING", unquote)


@mutant("pep3333/environ/query-string/none")
def query_with_question_mark() -> None:
    """QUERY_STRING always begins with a question mark."""
    _changes("QUERY_STRING", lambda query: f"?{query}")


@mutant("pep3333/environ/content-type/sent")
def content_type_as_any_header() -> None:
    """Content-Type becomes HTTP_CONTENT_TYPE alone."""
    right = environ.variable
    replace(environ, "variable", lambda name: "HTTP_CONTENT_TYPE" if name.lower() == b"content-type" else right(name))


@mutant("pep3333/environ/content-type/not-sent")
def content_type_invented() -> None:
    """CONTENT_TYPE is text/plain if the client sent none."""
    wrap_function(environ, "headers", lambda right, fields: {"CONTENT_TYPE": "text/plain", **right(fields)})


@mutant("pep3333/environ/content-length/sent")
def content_length_lost() -> None:
    """CONTENT_LENGTH is left out."""
    _loses("CONTENT_LENGTH")


@mutant("pep3333/environ/content-length/zero", "pep3333/environ/content-length/not-sent")
def content_length_minus_one() -> None:
    """CONTENT_LENGTH is -1 without a body."""

    def headers(right: Any, fields: Any) -> Any:
        variables = right(fields)
        if variables.get("CONTENT_LENGTH", "0") == "0":
            variables["CONTENT_LENGTH"] = "-1"
        return variables

    wrap_function(environ, "headers", headers)


@mutant("pep3333/environ/server-name-port", "pep3333/environ/server-name-port-unix")
def port_empty() -> None:
    """SERVER_PORT is empty."""
    _adds(SERVER_PORT="")


@mutant(
    "pep3333/environ/server-name-port/http10-without-host",
    "pep3333/environ/server-name-port-unix/http10-without-host",
)
def server_name_from_host() -> None:
    """SERVER_NAME is the value of the Host header, and empty without one."""

    def build(right: Any, *about: Any) -> Any:
        variables = right(*about)
        variables["SERVER_NAME"] = variables.get("HTTP_HOST", "").partition(":")[0]
        return variables

    wrap_function(environ, "build", build)


@mutant("pep3333/environ/server-name-port-unix")
def unix_socket_nameless() -> None:
    """On a Unix socket SERVER_NAME and SERVER_PORT are empty."""

    def place(right: Any, listener: socket.socket, options: Any) -> Any:
        found = right(listener, options)
        return changed(found, name="", port="") if listener.family == socket.AF_UNIX else found

    wrap_function(server, "place", place)


@mutant("pep3333/environ/server-protocol/http10")
def protocol_always_1_1() -> None:
    """SERVER_PROTOCOL is HTTP/1.1 for every client."""
    _adds(SERVER_PROTOCOL="HTTP/1.1")


@mutant("pep3333/environ/server-protocol/http11")
def protocol_always_1_0() -> None:
    """SERVER_PROTOCOL is HTTP/1.0 for every client."""
    _adds(SERVER_PROTOCOL="HTTP/1.0")


@mutant("pep3333/environ/http-variables")
def header_invented() -> None:
    """HTTP_ACCEPT is in environ although the client sent no Accept."""
    _adds(HTTP_ACCEPT="*/*")


@mutant("pep3333/environ/http-variables-not-from-os")
def os_variables_pass_for_headers() -> None:
    """The server copies its complete process environment to environ, including HTTP_*."""
    replace(environ, "belongs_to_requests", lambda _name: False)


@mutant("pep3333/environ/cgi-extras")
def remote_addr_missing() -> None:
    """There is no REMOTE_ADDR."""
    _loses("REMOTE_ADDR")


@mutant("pep3333/environ/absent-not-none")
def absent_is_none() -> None:
    """REMOTE_USER is None without a login."""
    _adds(REMOTE_USER=None)


@mutant("pep3333/environ/native-strings")
def port_is_a_number() -> None:
    """SERVER_PORT is an int."""
    _changes("SERVER_PORT", int)


@mutant("pep3333/environ/native-strings-likewise")
def clients_port_is_a_number() -> None:
    """REMOTE_PORT is an int."""
    _changes("REMOTE_PORT", int)


@mutant("pep3333/environ/latin1-range", "pep3333/environ/path-bytes")
def path_as_utf_8() -> None:
    """PATH_INFO is decoded as UTF-8."""
    _changes("PATH_INFO", lambda path: path.encode("latin-1").decode("utf-8", "replace"))


@mutant("pep3333/environ/wsgi-version")
def version_is_1_0_1() -> None:
    """wsgi.version is (1, 0, 1), as the PEP's text."""
    _changes("wsgi.version", lambda _version: (1, 0, 1))


@mutant("pep3333/environ/url-scheme", "pep3333/environ/url-reconstruction")
def scheme_always_https() -> None:
    """wsgi.url_scheme is https over plain TCP."""
    _changes("wsgi.url_scheme", lambda _scheme: "https")


@mutant("pep3333/environ/url-scheme-forwarded")
def forwarded_scheme_trusted() -> None:
    """wsgi.url_scheme is the X-Forwarded-Proto of any client."""

    def build(right: Any, *about: Any) -> Any:
        variables = right(*about)
        variables["wsgi.url_scheme"] = variables.get("HTTP_X_FORWARDED_PROTO", "http")
        return variables

    wrap_function(environ, "build", build)


@mutant("pep3333/environ/streams-present")
def no_input_without_body() -> None:
    """wsgi.input is None if the request has no body."""

    def build(right: Any, request: Any, place: Any, body: Any) -> Any:
        variables = right(request, place, body)
        if body._ended:
            variables["wsgi.input"] = None
        return variables

    wrap_function(environ, "build", build)


@mutant("pep3333/environ/multithread-truth")
def multithread_denied() -> None:
    """wsgi.multithread is always false."""
    _changes("wsgi.multithread", lambda _value: False)


@mutant("pep3333/environ/streams-present")
def run_once_left_out() -> None:
    """wsgi.run_once is not in environ."""

    def build(right: Any, request: Any, place: Any, body: Any) -> Any:
        variables = right(request, place, body)
        del variables["wsgi.run_once"]
        return variables

    wrap_function(environ, "build", build)


@mutant("pep3333/environ/multiprocess-truth")
def multiprocess_denied() -> None:
    """wsgi.multiprocess is always false."""
    _changes("wsgi.multiprocess", lambda _value: False)


@mutant("pep3333/environ/run-once")
def run_once_claimed() -> None:
    """wsgi.run_once is true in a process that serves more requests."""
    _changes("wsgi.run_once", lambda _value: True)


@mutant("pep3333/environ/server-keys")
def key_in_capitals() -> None:
    """The server adds a variable with the name REFERENCE_VERSION."""
    _adds(REFERENCE_VERSION="1")


@mutant("pep3333/environ/url-reconstruction")
def host_without_port() -> None:
    """HTTP_HOST has lost its port."""
    _changes("HTTP_HOST", lambda host: host.partition(":")[0])


@mutant("pep3333/environ/path-info/parameters")
def path_parameters_lost() -> None:
    """PATH_INFO misses parameters such as `;a=b`."""
    _changes("PATH_INFO", lambda path: path.partition(";")[0])


@mutant("pep3333/environ/path-info/plus")
def plus_is_a_blank() -> None:
    """`+` in the path becomes a space."""
    _changes("PATH_INFO", lambda path: path.replace("+", " "))


@mutant("pep3333/environ/request-method/head")
def head_reported_as_get() -> None:
    """REQUEST_METHOD of a HEAD is GET."""
    _changes("REQUEST_METHOD", lambda method: "GET" if method == "HEAD" else method)


@mutant("pep3333/environ/path-info/sub-delims")
def quotes_encoded() -> None:
    """An apostrophe in the path becomes `%27`."""
    _changes("PATH_INFO", lambda path: path.replace("'", "%27"))
