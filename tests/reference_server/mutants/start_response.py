"""Faults in start_response and in the headers of the response."""

from __future__ import annotations

from typing import Any

from wsgi_gauntlet.servers.reference_server import gateway, response
from wsgi_gauntlet.servers.reference_server.gateway import BodyEnd, Gateway

from .mutation import is_harness_path, mutant, replace, wrap_function


@mutant("pep3333/start-response/signature/two")
def exc_info_required() -> None:
    """start_response requires three arguments."""

    def start(right: Any, self: Gateway, *arguments: Any) -> Any:
        if len(arguments) < 3 and not is_harness_path(self.request.target.path.decode()):
            raise TypeError("start_response() takes 3 positional arguments")
        return right(self, *arguments)

    wrap_function(Gateway, "start_response", start)


@mutant("pep3333/start-response/signature/none-third")
def none_for_exc_info() -> None:
    """start_response treats an exc_info of None as an exception, and fails."""

    def start(right: Any, self: Gateway, *arguments: Any) -> Any:
        if len(arguments) == 3 and arguments[2] is None:
            raise TypeError("'NoneType' object is not subscriptable")
        return right(self, *arguments)

    wrap_function(Gateway, "start_response", start)


@mutant("pep3333/start-response/returns-write")
def no_write() -> None:
    """start_response returns None."""
    wrap_function(Gateway, "start_response", lambda right, self, *arguments: right(self, *arguments) and None)


@mutant(
    "pep3333/start-response/checks-arguments",
    "pep3333/start-response/hop-by-hop",
    "pep3333/start-response/no-injection",
)
def arguments_unchecked() -> None:
    """The server does not check the status and the headers."""
    replace(Gateway, "check", lambda _self, _status, _headers: None)


@mutant("pep3333/start-response/hop-by-hop")
def hop_by_hop_taken() -> None:
    """The app may send hop-by-hop headers."""
    replace(response, "HOP_BY_HOP", frozenset())


@mutant("pep3333/start-response/adds-required-headers", "pep3333/start-response/adds-server-header")
def nothing_added() -> None:
    """The server adds neither Date nor Server."""
    replace(response, "completed", lambda headers: headers)


@mutant(
    "pep3333/start-response/case-insensitive/date",
    "pep3333/start-response/case-insensitive/server",
    "pep3333/start-response/case-insensitive/content-length",
)
def names_compared_exactly() -> None:
    """The server recognizes headers of the app only in one case."""
    replace(response, "values", lambda headers, name: [value for key, value in headers if key == name.title()])


@mutant("pep3333/start-response/case-insensitive/content-type")
def content_type_added() -> None:
    """The server adds a Content-Type unless the app sets one in exactly this case."""

    def completed(right: Any, headers: Any) -> Any:
        given = any(name == "Content-Type" for name, _ in headers)
        return right(headers) if given else [*right(headers), ("Content-Type", "text/html")]

    wrap_function(response, "completed", completed)


@mutant(
    "pep3333/start-response/nothing-sent-on-call",
    "pep3333/error-handling/after-start-before-body",
    "pep3333/start-response/exc-info-replaces",
)
def head_sent_on_call() -> None:
    """start_response sends the head."""

    def start(right: Any, self: Gateway, *arguments: Any) -> Any:
        write = right(self, *arguments)
        if not self.head_sent:
            self.send_head(b"something")
        return write

    wrap_function(Gateway, "start_response", start)


@mutant("pep3333/start-response/waits-for-first-nonempty")
def head_sent_with_first_block() -> None:
    """The server sends the headers with the first block, even if it is empty."""

    def yielded(right: Any, self: Gateway, block: Any) -> None:
        if not self.head_sent:
            self.send_head(block)
        right(self, block)

    wrap_function(Gateway, "yielded", yielded)


@mutant("pep3333/start-response/empty-iterable")
def no_head_without_body() -> None:
    """If the iterable yields nothing, the server sends nothing."""

    def end(right: Any, self: Gateway) -> None:
        if self.head_sent:
            right(self)
        else:
            self.keep_alive = False

    wrap_function(Gateway, "end", end)


@mutant("pep3333/start-response/exc-info-replaces")
def first_headers_stay() -> None:
    """With exc_info, the new status replaces the first one, but the first headers remain."""

    def start(right: Any, self: Gateway, *arguments: Any) -> Any:
        before = list(self.headers)
        write = right(self, *arguments)
        self.headers = before + [h for h in self.headers if h[0] not in dict(before)]
        return write

    wrap_function(Gateway, "start_response", start)


@mutant("pep3333/start-response/exc-info-first")
def exc_info_needs_first_call() -> None:
    """start_response accepts exc_info only in a second call."""

    def start(right: Any, self: Gateway, *arguments: Any) -> Any:
        if len(arguments) > 2 and arguments[2] and not self.called:
            raise AssertionError("there is nothing to replace")
        return right(self, *arguments)

    wrap_function(Gateway, "start_response", start)


@mutant("pep3333/start-response/exc-info-reraises")
def exc_info_ignored() -> None:
    """With exc_info and after the head was sent, start_response does nothing."""
    replace(Gateway, "reraise", lambda _self, _exc_info: None)


@mutant("pep3333/start-response/exc-info-same-exception")
def another_exception() -> None:
    """With exc_info and after the head was sent, start_response raises an exception of its own."""

    def reraise(_self: Gateway, _exc_info: Any) -> None:
        raise AssertionError("the headers were sent already")

    replace(Gateway, "reraise", reraise)


@mutant("pep3333/start-response/second-call-fatal")
def second_call_taken() -> None:
    """A second call without exc_info replaces the first."""

    def start(right: Any, self: Gateway, *arguments: Any) -> Any:
        self.called = False
        return right(self, *arguments)

    wrap_function(Gateway, "start_response", start)


@mutant("pep3333/start-response/late-call")
def early_call_expected() -> None:
    """start_response must have been called when the app returns."""

    def iterate(right: Any, self: Gateway, result: Any) -> None:
        if not self.called:
            raise AssertionError("start_response was not called")
        right(self, result)

    wrap_function(Gateway, "iterate", iterate)


@mutant("pep3333/start-response/no-reference-kept")
def exc_info_kept() -> None:
    """The server keeps exc_info until the end of the request."""

    def start(right: Any, self: Gateway, *arguments: Any) -> Any:
        vars(self)["last"] = arguments
        return right(self, *arguments)

    wrap_function(Gateway, "start_response", start)


@mutant("pep3333/start-response/play-dumb")
def headers_in_a_dictionary() -> None:
    """The server sends only the last of several headers with one name."""
    wrap_function(Gateway, "framed", lambda right, self, first: list(dict(right(self, first)).items()))


@mutant("pep3333/start-response/play-dumb")
def reason_of_its_own() -> None:
    """The server replaces the reason phrase of the app."""
    wrap_function(response, "status_line", lambda right, status: right(status[:4] + "Whatever"))


# ---------------------------------------------------------------------- the head on the wire


@mutant("http/responses/status-line-space")
def space_cut_off() -> None:
    """The server removes the space after a status without a reason phrase."""
    wrap_function(response, "status_line", lambda right, status: right(status).rstrip())


@mutant("http/responses/response-version")
def version_1_2() -> None:
    """The response claims HTTP/1.2."""
    wrap_function(response, "status_line", lambda right, status: right(status).replace("HTTP/1.1", "HTTP/1.2"))


@mutant("http/responses/date-once")
def date_of_another_form() -> None:
    """Date has the form of RFC 850."""
    wrap_function(response, "date", lambda right, seconds: right(seconds).replace(" Nov ", "-Nov-").replace(" GMT", ""))


@mutant("http/responses/date-once/ok")
def date_twice() -> None:
    """Every response has two Dates."""
    wrap_function(response, "completed", lambda right, headers: [("Date", response.date(0)), *right([]), *headers])


@mutant("http/responses/date-once/no-content", "http/responses/date-once/not-modified")
def answers_without_body_undated() -> None:
    """A 204 and a 304 have no Date."""
    _head_without("Date", "204", "304")


def _head_without(name: str, *codes: str) -> None:
    wrap_function(
        response,
        "head",
        lambda right, status, headers: right(status, [h for h in headers if h[0] != name or status[:3] not in codes]),
    )


@mutant("http/responses/not-modified-length")
def length_of_304_is_0() -> None:
    """A 304 has a Content-Length of 0."""
    wrap_function(
        response,
        "head",
        lambda right, status, headers: right(
            status, [*headers, ("Content-Length", "0")] if status.startswith("304") else headers
        ),
    )


@mutant("http/responses/date-once/error")
def refusals_undated() -> None:
    """A rejection has no Date."""

    def refusal(right: Any, refused: Any, method: str) -> bytes:
        whole: bytes = right(refused, method)
        return b"\r\n".join(line for line in whole.split(b"\r\n") if not line.startswith(b"Date:"))

    wrap_function(response, "refusal", refusal)


@mutant("http/responses/error-framed")
def refusals_cut_short() -> None:
    """A rejection has a Content-Length that is too large."""
    wrap_function(response, "refusal", lambda right, refused, method: right(refused, method)[:-10])


@mutant("http/responses/head-no-body/written")
def head_with_written_body() -> None:
    """The server sends written blocks in a HEAD response."""

    def write(right: Any, self: Gateway, data: bytes) -> None:
        right(self, data)
        if self.method == "HEAD":
            self.send(data)

    wrap_function(Gateway, "write", write)


@mutant("http/responses/head-no-body", "http/responses/head-then-next")
def head_with_body() -> None:
    """The response to HEAD has a body."""
    replace(response, "bodiless", lambda _method, code: code in (204, 304))


@mutant("http/responses/head-same-headers")
def head_without_length() -> None:
    """The response to HEAD has no Content-Length."""

    def framed(right: Any, self: Gateway, first: Any) -> Any:
        return [h for h in right(self, first) if self.method != "HEAD" or h[0] != "Content-Length"]

    wrap_function(Gateway, "framed", framed)


@mutant("http/responses/no-body-204", "http/responses/no-body-304")
def every_status_has_a_body() -> None:
    """A 204 and a 304 are chunked like any other response."""
    replace(response, "bodiless", lambda method, _code: method == "HEAD")
    wrap_function(
        Gateway,
        "delimit",
        lambda right, self, first: BodyEnd.CHUNKS if self.code in (204, 304) else right(self, first),
    )


@mutant("http/responses/no-body-205")
def end_of_205_unmarked() -> None:
    """A 205 has neither Content-Length nor chunks, and the connection stays open."""

    def framed(right: Any, self: Gateway, first: Any) -> Any:
        return [h for h in right(self, first) if self.code != 205 or h[0] != "Content-Length"]

    wrap_function(Gateway, "framed", framed)


@mutant("http/responses/no-te-to-http10", "pep3333/content-length/unknown-length-legal/http10")
def chunks_for_everybody() -> None:
    """HTTP/1.0 gets chunks."""
    replace(Gateway, "undeclared", lambda _self: BodyEnd.CHUNKS)


@mutant("http/connection/http10-keep-alive-unknown-length")
def end_unmarked_to_http10() -> None:
    """HTTP/1.0 with keep-alive gets a body of unknown length, and the connection stays open."""

    def undeclared(right: Any, self: Gateway) -> BodyEnd:
        keep_alive = self.keep_alive
        ends: BodyEnd = right(self)
        self.keep_alive = keep_alive
        return ends

    wrap_function(Gateway, "undeclared", undeclared)


@mutant("pep3333/content-length/unknown-length-legal/http11")
def end_unmarked() -> None:
    """A body of unknown length ends without chunks, and the connection stays open."""
    replace(Gateway, "undeclared", lambda _self: gateway.BodyEnd.CLOSE)


@mutant("pep3333/error-handling/non-latin1-header")
def characters_replaced() -> None:
    """The server replaces a character outside latin-1 with a question mark."""
    wrap_function(
        response,
        "check_value",
        lambda right, value: right(value.encode("latin-1", "replace").decode("latin-1")),
    )
    wrap_function(
        response,
        "head",
        lambda right, status, headers: right(
            status, [(name, value.encode("latin-1", "replace").decode("latin-1")) for name, value in headers]
        ),
    )
