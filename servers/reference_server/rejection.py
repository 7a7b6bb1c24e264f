"""A request that the server itself answers, with the status that the specification gives for its fault."""

from __future__ import annotations

REASONS = {
    400: "Bad Request",
    404: "Not Found",
    408: "Request Timeout",
    413: "Content Too Large",
    414: "URI Too Long",
    417: "Expectation Failed",
    421: "Misdirected Request",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    505: "HTTP Version Not Supported",
}


class RequestRejected(Exception):
    """The request is answered with `status` and the connection closed; `why` is for the log and the client."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {REASONS[status]}: {reason}")
        self.status = status
        self.reason = reason
