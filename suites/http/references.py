"""Sentences of the RFCs that cases of several files quote."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.basis import rfc9110, rfc9112

WHOLE_HEADER_SECTION = rfc9110(
    "5.3",
    "A server MUST NOT apply a request to the target resource until it receives the entire request header section",
)
MALFORMED_MESSAGE = rfc9112(
    "2.2",
    "receives a sequence of octets that does not match the HTTP-message grammar aside from the robustness exceptions "
    "listed above, the server SHOULD respond with a 400 (Bad Request) response and close the connection.",
)
INVALID_REQUEST_LINE = rfc9112(
    "3.2",
    "Recipients of an invalid request-line SHOULD respond with either a 400 (Bad Request) error or a 301 (Moved "
    "Permanently) redirect with the request-target properly encoded.",
)
IDLE_TIMEOUT = rfc9112("9.5", "Servers will usually have some timeout value beyond which they will no longer maintain")
NO_LENGTH_IN_1XX_AND_204 = rfc9110(
    "8.6",
    "A server MUST NOT send a Content-Length header field in any response with a status code of 1xx "
    "(Informational) or 204 (No Content).",
)
INCOMPLETE_BODY = rfc9112(
    "6.3",
    "If the sender closes the connection or the recipient times out before the indicated number of octets are "
    "received, the recipient MUST consider the message to be incomplete and close the connection.",
)
WHITESPACE_EXCLUDED = rfc9110(
    "5.5",
    "When a specific version of HTTP allows such whitespace to appear in a message, a field parsing implementation "
    "MUST exclude such whitespace prior to evaluating the field value.",
)
OBS_FOLD = rfc9112(
    "5.2",
    'A server that receives an obs-fold in a request message that is not within a "message/http" container MUST '
    "either reject the message by sending a 400 (Bad Request), preferably with a representation explaining that "
    "obsolete line folding is unacceptable, or replace each received obs-fold with one or more SP octets prior to "
    "interpreting the field value or forwarding the message downstream.",
)
BODY_LENGTH = rfc9112("6.3", "its decimal value defines the expected message body length in octets.")
SEQUENCE_OF_OCTETS = rfc9112(
    "2.2",
    "A recipient MUST parse an HTTP message as a sequence of octets in an encoding that is a superset of US-ASCII",
)
OWN_VERSION = rfc9110("6.2", "A server MUST NOT send a version to which it is not conformant.")
STATUS_LINE = rfc9112("4", "The first line of a response message is the status-line")
UNKNOWN_METHOD = rfc9110(
    "9.1",
    "An origin server that receives a request method that is unrecognized or not implemented SHOULD respond with "
    "the 501 (Not Implemented) status code.",
)
BARE_CR = rfc9112(
    "2.2",
    "A recipient of such a bare CR MUST consider that element to be invalid or replace each bare CR with SP before "
    "processing the element or forwarding the message.",
)
CHUNKED_COMPLETE = rfc9112(
    "7.1",
    "The chunked transfer coding is complete when a chunk with a chunk-size of zero is received, possibly followed by "
    "a trailer section, and finally terminated by an empty line.",
)
TOO_LARGE = rfc9110(
    "5.4",
    "A server that receives a request header field line, field value, or set of fields larger than it wishes to "
    "process MUST respond with an appropriate 4xx (Client Error) status code.",
)
READ_OR_CLOSE = rfc9112(
    "9.3",
    "A server MUST read the entire request message body or close the connection after sending its response; otherwise, "
    "the remaining data on a persistent connection would be misinterpreted as the next request.",
)
CHUNKED_NOT_FINAL = rfc9112(
    "6.3",
    "If a Transfer-Encoding header field is present in a request and the chunked transfer coding is not the final "
    "encoding, the message body length cannot be determined reliably; the server MUST respond with the 400 (Bad "
    "Request) status code and then close the connection.",
)
UNKNOWN_CODING = rfc9112(
    "6.1",
    "A server that receives a request message with a transfer coding it does not understand SHOULD respond with 501 "
    "(Not Implemented).",
)
INVALID_LENGTH = rfc9112(
    "6.3",
    "If the unrecoverable error is in a request message, the server MUST respond with a 400 (Bad Request) status code "
    "and then close the connection.",
)
SAY_CLOSE = rfc9112(
    "9.6",
    'A sender SHOULD send a Connection header field (Section 7.6.1 of [HTTP]) containing the "close" connection option '
    "when it intends to close a connection.",
)
