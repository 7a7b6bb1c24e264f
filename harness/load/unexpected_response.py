"""The error for a response that is not the requested page."""


class UnexpectedResponse(Exception):
    """The response is not the requested page, so its speed means nothing. The message describes the response."""
