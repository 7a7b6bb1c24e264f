"""What may be wrong with an answer: every kind that the reader of answers and lint know, and where it is forbidden.

A finding is one line: its kind, a colon, the kind's sentence, perhaps a detail, and the section. Reports count by kind.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

__all__ = ["RULES", "Kind", "Rule", "kind_of"]


class Kind(enum.StrEnum):
    """A kind of finding. The values are stable: results that are kept count by them."""

    NO_STATUS_LINE = "no-status-line"
    EMPTY_LINE = "empty-line"
    STATUS_LINE = "status-line"
    STATUS_SPACE = "status-space"
    REASON = "reason"
    VERSION = "version"
    BARE_LF = "bare-lf"
    BARE_CR = "bare-cr"
    FOLDED = "folded-line"
    SPACE_BEFORE_COLON = "space-before-colon"
    NO_COLON = "no-colon"
    FIELD_NAME = "field-name"
    FIELD_VALUE = "field-value"
    FIELD_TWICE = "field-twice"
    DATE_MISSING = "date-missing"
    DATE_FORM = "date-form"
    DATE_WRONG = "date-wrong"
    SERVER_EMPTY = "server-empty"
    LENGTH_TWICE = "length-twice"
    LENGTH_FORM = "length-form"
    LENGTH_FORBIDDEN = "length-forbidden"
    LENGTH_AND_CODING = "length-and-coding"
    CODING_FORBIDDEN = "coding-forbidden"
    CODING_FORM = "coding-form"
    CODING_TO_1_0 = "coding-to-http-1.0"
    CHUNK_FORM = "chunk-form"
    INCOMPLETE = "incomplete"
    BODY_AFTER_HEAD = "body-after-head"
    BODY_FORBIDDEN = "body-forbidden"
    BYTES_AFTER = "bytes-after-answer"
    ANSWER_UNASKED = "answer-unasked"
    INTERIM_TO_1_0 = "interim-to-http-1.0"
    CLOSE_IGNORED = "close-ignored"
    CLOSE_UNSAID = "close-unsaid"
    KEEP_ALIVE_BROKEN = "keep-alive-broken"
    CONNECTION_CONTRADICTS = "connection-contradicts"
    CONNECTION_UNKNOWN = "connection-unknown"
    CONNECTION_END_TO_END = "connection-end-to-end"
    HOP_BY_HOP_UNLISTED = "hop-by-hop-unlisted"
    TOO_LARGE = "too-large"


class Rule(NamedTuple):
    """What a kind says, in a sentence, and the RFC (9110: semantics, 9112: HTTP/1.1) and section that it rests on."""

    sentence: str
    rfc: int
    section: str

    @property
    def where(self) -> str:
        """The place as a finding names it."""
        return f"RFC {self.rfc}, section {self.section}"


RULES: dict[Kind, Rule] = {
    Kind.NO_STATUS_LINE: Rule("an answer does not begin with a status line", 9112, "2.1"),
    Kind.EMPTY_LINE: Rule("an empty line stands before the status line", 9112, "2.1"),
    Kind.STATUS_LINE: Rule("the status line breaks the grammar", 9112, "4"),
    Kind.STATUS_SPACE: Rule("no space follows the status code, which it must even without a reason", 9112, "4"),
    Kind.REASON: Rule("the reason holds bytes that no text has", 9112, "4"),
    Kind.VERSION: Rule("the version is neither HTTP/1.0 nor HTTP/1.1", 9112, "2.3"),
    Kind.BARE_LF: Rule("a line ends with LF alone, not with CRLF", 9112, "2.1"),
    Kind.BARE_CR: Rule("a CR stands in a line without LF after it", 9112, "2.2"),
    Kind.FOLDED: Rule("a field goes on in the next line, which begins with white space (obs-fold)", 9112, "5.2"),
    Kind.SPACE_BEFORE_COLON: Rule("white space stands between a field's name and its colon", 9112, "5.1"),
    Kind.NO_COLON: Rule("a field line has no colon", 9112, "5"),
    Kind.FIELD_NAME: Rule("a field's name holds bytes that no name has", 9110, "5.1"),
    Kind.FIELD_VALUE: Rule("a field's value holds control characters", 9110, "5.5"),
    Kind.FIELD_TWICE: Rule("a field that has one value comes more than once", 9110, "5.3"),
    Kind.DATE_MISSING: Rule("a 2xx, 3xx or 4xx answer has no Date", 9110, "6.6.1"),
    Kind.DATE_FORM: Rule("Date is not in the form of an IMF-fixdate", 9110, "5.6.7"),
    Kind.DATE_WRONG: Rule("Date is more than a day away from the present", 9110, "6.6.1"),
    Kind.SERVER_EMPTY: Rule("Server is there and names no product", 9110, "10.2.4"),
    Kind.LENGTH_TWICE: Rule("Content-Length comes more than once", 9110, "8.6"),
    Kind.LENGTH_FORM: Rule("Content-Length is not a number of bytes", 9110, "8.6"),
    Kind.LENGTH_FORBIDDEN: Rule("a 1xx or 204 answer has Content-Length", 9110, "8.6"),
    Kind.LENGTH_AND_CODING: Rule("an answer has both Content-Length and Transfer-Encoding", 9112, "6.2"),
    Kind.CODING_FORBIDDEN: Rule("a 1xx or 204 answer has Transfer-Encoding", 9112, "6.1"),
    Kind.CODING_FORM: Rule("Transfer-Encoding does not end with one chunked", 9112, "6.1"),
    Kind.CODING_TO_1_0: Rule("the answer to an HTTP/1.0 request has Transfer-Encoding", 9112, "6.1"),
    Kind.CHUNK_FORM: Rule("a chunk breaks the grammar", 9112, "7.1"),
    Kind.INCOMPLETE: Rule("the server closed the connection before the answer's end", 9112, "8"),
    Kind.BODY_AFTER_HEAD: Rule("a body follows the answer to HEAD", 9110, "9.3.2"),
    Kind.BODY_FORBIDDEN: Rule("a body follows an answer whose status forbids one", 9112, "6.3"),
    Kind.BYTES_AFTER: Rule("bytes follow an answer that are not of its body, nor the next answer", 9112, "6.3"),
    Kind.ANSWER_UNASKED: Rule("there are more answers than requests", 9112, "9.2"),
    Kind.INTERIM_TO_1_0: Rule("a 1xx answer goes to an HTTP/1.0 client", 9110, "15.2"),
    Kind.CLOSE_IGNORED: Rule("the answer says close, and its connection stays open", 9112, "9.6"),
    Kind.CLOSE_UNSAID: Rule("the server closes the connection at once and has not said close", 9112, "9.6"),
    Kind.KEEP_ALIVE_BROKEN: Rule("the answer says keep-alive, and its connection is closed at once", 9112, "9.3"),
    Kind.CONNECTION_CONTRADICTS: Rule("Connection says both close and keep-alive", 9112, "9.3"),
    Kind.CONNECTION_UNKNOWN: Rule("Connection has an option that nobody knows", 9110, "7.6.1"),
    Kind.CONNECTION_END_TO_END: Rule("Connection names a field that is for all recipients", 9110, "7.6.1"),
    Kind.HOP_BY_HOP_UNLISTED: Rule("a field for this connection alone is not named in Connection", 9110, "7.6.1"),
    Kind.TOO_LARGE: Rule("a head, trailer or chunk line is longer, or 1xx answers are more, than is read", 9110, "5.4"),
}


def kind_of(finding: str) -> str:
    """Return the kind of a finding, as reports count it."""
    return finding.partition(":")[0]
