"""The kinds of faults that the parser and lint find in a response, and the section that forbids each.

A finding is one line: its kind, a colon, the kind's sentence, perhaps a detail, and the section. Reports count by kind.
"""

from __future__ import annotations

import enum
from typing import NamedTuple


class LintKind(enum.StrEnum):
    """A kind of finding. The values never change, because stored results contain them."""

    MISSING_STATUS_LINE = "missing-status-line"
    LEADING_EMPTY_LINE = "leading-empty-line"
    MALFORMED_STATUS_LINE = "malformed-status-line"
    MISSING_STATUS_SPACE = "missing-status-space"
    INVALID_REASON_PHRASE = "invalid-reason-phrase"
    INVALID_HTTP_VERSION = "invalid-http-version"
    BARE_LF = "bare-lf"
    BARE_CR = "bare-cr"
    OBS_FOLD = "obs-fold"
    SPACE_BEFORE_COLON = "space-before-colon"
    MISSING_COLON = "missing-colon"
    INVALID_HEADER_NAME = "invalid-header-name"
    INVALID_HEADER_VALUE = "invalid-header-value"
    DUPLICATE_HEADER = "duplicate-header"
    MISSING_DATE = "missing-date"
    INVALID_DATE = "invalid-date"
    WRONG_DATE = "wrong-date"
    EMPTY_SERVER = "empty-server"
    DUPLICATE_CONTENT_LENGTH = "duplicate-content-length"
    INVALID_CONTENT_LENGTH = "invalid-content-length"
    FORBIDDEN_CONTENT_LENGTH = "forbidden-content-length"
    CONTENT_LENGTH_AND_TRANSFER_ENCODING = "content-length-and-transfer-encoding"
    FORBIDDEN_TRANSFER_ENCODING = "forbidden-transfer-encoding"
    INVALID_TRANSFER_ENCODING = "invalid-transfer-encoding"
    TRANSFER_ENCODING_TO_HTTP_1_0 = "transfer-encoding-to-http-1.0"
    INVALID_CHUNK = "invalid-chunk"
    INCOMPLETE_RESPONSE = "incomplete-response"
    BODY_IN_HEAD_RESPONSE = "body-in-head-response"
    FORBIDDEN_BODY = "forbidden-body"
    BYTES_AFTER_RESPONSE = "bytes-after-response"
    UNREQUESTED_RESPONSE = "unrequested-response"
    INTERIM_TO_1_0 = "interim-response-to-http-1.0"
    CLOSE_NOT_HONOURED = "close-not-honoured"
    CLOSE_NOT_ANNOUNCED = "close-not-announced"
    KEEP_ALIVE_NOT_HONOURED = "keep-alive-not-honoured"
    CONTRADICTORY_CONNECTION = "contradictory-connection"
    UNKNOWN_CONNECTION_OPTION = "unknown-connection-option"
    END_TO_END_CONNECTION_OPTION = "end-to-end-connection-option"
    HOP_BY_HOP_NOT_LISTED = "hop-by-hop-not-listed"
    TOO_LARGE_TO_READ = "too-large-to-read"


class LintRule(NamedTuple):
    """The sentence of a kind, and the section of the RFC that forbids the fault (9110: semantics, 9112: HTTP/1.1)."""

    sentence: str
    rfc: int
    section: str

    @property
    def where(self) -> str:
        """The RFC and section, as the text of a finding."""
        return f"RFC {self.rfc}, section {self.section}"


LINT_RULES: dict[LintKind, LintRule] = {
    LintKind.MISSING_STATUS_LINE: LintRule("a response does not begin with a status line", 9112, "2.1"),
    LintKind.LEADING_EMPTY_LINE: LintRule("an empty line precedes the status line", 9112, "2.1"),
    LintKind.MALFORMED_STATUS_LINE: LintRule("the status line breaks the grammar", 9112, "4"),
    LintKind.MISSING_STATUS_SPACE: LintRule(
        "no space follows the status code; it is required even without a reason", 9112, "4"
    ),
    LintKind.INVALID_REASON_PHRASE: LintRule("the reason contains bytes that are not allowed in text", 9112, "4"),
    LintKind.INVALID_HTTP_VERSION: LintRule("the version is neither HTTP/1.0 nor HTTP/1.1", 9112, "2.3"),
    LintKind.BARE_LF: LintRule("a line ends with LF alone instead of CRLF", 9112, "2.1"),
    LintKind.BARE_CR: LintRule("a line contains a CR without LF after it", 9112, "2.2"),
    LintKind.OBS_FOLD: LintRule(
        "a field continues in the next line, which begins with white space (obs-fold)", 9112, "5.2"
    ),
    LintKind.SPACE_BEFORE_COLON: LintRule(
        "there is white space between the name of a field and its colon", 9112, "5.1"
    ),
    LintKind.MISSING_COLON: LintRule("a field line has no colon", 9112, "5"),
    LintKind.INVALID_HEADER_NAME: LintRule(
        "the name of a field contains bytes that are not allowed there", 9110, "5.1"
    ),
    LintKind.INVALID_HEADER_VALUE: LintRule("the value of a field contains control characters", 9110, "5.5"),
    LintKind.DUPLICATE_HEADER: LintRule("a field that must be unique occurs more than once", 9110, "5.3"),
    LintKind.MISSING_DATE: LintRule("a 2xx, 3xx or 4xx response has no Date", 9110, "6.6.1"),
    LintKind.INVALID_DATE: LintRule("Date does not have the form of an IMF-fixdate", 9110, "5.6.7"),
    LintKind.WRONG_DATE: LintRule("Date differs from the present time by more than a day", 9110, "6.6.1"),
    LintKind.EMPTY_SERVER: LintRule("the Server field names no product", 9110, "10.2.4"),
    LintKind.DUPLICATE_CONTENT_LENGTH: LintRule("Content-Length occurs more than once", 9110, "8.6"),
    LintKind.INVALID_CONTENT_LENGTH: LintRule("Content-Length is not a number of bytes", 9110, "8.6"),
    LintKind.FORBIDDEN_CONTENT_LENGTH: LintRule("a 1xx or 204 response has Content-Length", 9110, "8.6"),
    LintKind.CONTENT_LENGTH_AND_TRANSFER_ENCODING: LintRule(
        "a response has both Content-Length and Transfer-Encoding", 9112, "6.2"
    ),
    LintKind.FORBIDDEN_TRANSFER_ENCODING: LintRule("a 1xx or 204 response has Transfer-Encoding", 9112, "6.1"),
    LintKind.INVALID_TRANSFER_ENCODING: LintRule("Transfer-Encoding does not end with one chunked", 9112, "6.1"),
    LintKind.TRANSFER_ENCODING_TO_HTTP_1_0: LintRule(
        "the response to an HTTP/1.0 request has Transfer-Encoding", 9112, "6.1"
    ),
    LintKind.INVALID_CHUNK: LintRule("a chunk breaks the grammar", 9112, "7.1"),
    LintKind.INCOMPLETE_RESPONSE: LintRule(
        "the server closed the connection before the end of the response", 9112, "8"
    ),
    LintKind.BODY_IN_HEAD_RESPONSE: LintRule("a body follows the response to HEAD", 9110, "9.3.2"),
    LintKind.FORBIDDEN_BODY: LintRule("a body follows a response whose status forbids one", 9112, "6.3"),
    LintKind.BYTES_AFTER_RESPONSE: LintRule("bytes that belong to no response follow a response", 9112, "6.3"),
    LintKind.UNREQUESTED_RESPONSE: LintRule("there are more responses than requests", 9112, "9.2"),
    LintKind.INTERIM_TO_1_0: LintRule("the server sends a 1xx response to an HTTP/1.0 client", 9110, "15.2"),
    LintKind.CLOSE_NOT_HONOURED: LintRule("the response says close, and its connection stays open", 9112, "9.6"),
    LintKind.CLOSE_NOT_ANNOUNCED: LintRule(
        "the server closes the connection at once, and the response does not say close", 9112, "9.6"
    ),
    LintKind.KEEP_ALIVE_NOT_HONOURED: LintRule(
        "the response says keep-alive, and the server closes the connection at once", 9112, "9.3"
    ),
    LintKind.CONTRADICTORY_CONNECTION: LintRule("Connection says both close and keep-alive", 9112, "9.3"),
    LintKind.UNKNOWN_CONNECTION_OPTION: LintRule("Connection has an unknown option", 9110, "7.6.1"),
    LintKind.END_TO_END_CONNECTION_OPTION: LintRule("Connection names a field for all recipients", 9110, "7.6.1"),
    LintKind.HOP_BY_HOP_NOT_LISTED: LintRule(
        "Connection does not name a field that is for this connection only", 9110, "7.6.1"
    ),
    LintKind.TOO_LARGE_TO_READ: LintRule(
        "a head, a trailer section or a chunk line is too long to read, or there are too many 1xx responses",
        9110,
        "5.4",
    ),
}


def kind_of(finding: str) -> str:
    """Return the kind of a finding, as reports count it."""
    return finding.partition(":")[0]
