"""The names of environ's variables: which are CGI's, which are common practice, and what a server's own should be."""

from __future__ import annotations

import re
from collections.abc import Iterable

CGI_VARIABLES = frozenset(
    """AUTH_TYPE CONTENT_LENGTH CONTENT_TYPE GATEWAY_INTERFACE PATH_INFO PATH_TRANSLATED QUERY_STRING REMOTE_ADDR
    REMOTE_HOST REMOTE_IDENT REMOTE_USER REQUEST_METHOD SCRIPT_NAME SERVER_NAME SERVER_PORT SERVER_PROTOCOL
    SERVER_SOFTWARE""".split()  # noqa: SIM905 - a list of one name a line is no easier to read
)
"""RFC 3875, section 4.1."""

OTHER_CGI_VARIABLES = frozenset(
    """CONTEXT_DOCUMENT_ROOT CONTEXT_PREFIX DOCUMENT_ROOT DOCUMENT_URI HTTPS REMOTE_PORT REQUEST_SCHEME REQUEST_URI
    SCRIPT_FILENAME SCRIPT_URI SCRIPT_URL SERVER_ADDR SERVER_ADMIN SERVER_SIGNATURE UNIQUE_ID
    """.split()  # noqa: SIM905 - likewise
)
"""What Apache and nginx have long passed to CGI programs beside those: 'other CGI variables' in the PEP's words."""

SERVER_DEFINED_NAME = re.compile(r"[a-z0-9_]+\.[a-z0-9._]+")
"""Lower-case letters, digits, dots and underscores, with a prefix."""


def cgi_variables(names: Iterable[str]) -> list[str]:
    """Return those of `names` that are CGI's or spelt as CGI's are: upper case, no dot."""
    return [name for name in names if "." not in name and name.upper() == name]


def invalid_names(names: Iterable[str]) -> list[str]:
    """Return those of `names` that are neither CGI's nor named as a server's own variables should be."""
    return sorted(
        name
        for name in names
        if name not in CGI_VARIABLES | OTHER_CGI_VARIABLES
        and not name.startswith(("HTTP_", "SSL_"))
        and not SERVER_DEFINED_NAME.fullmatch(name)
    )
