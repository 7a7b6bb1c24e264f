"""The proof that this app was deployed for the harness: only a server with the token can give the right response."""

from __future__ import annotations

import hmac
import os
import re
from typing import Any

from ..core.call import TOKEN_VARIABLE, Call, deployment_token

CHALLENGE = re.compile("[0-9a-f]{64}")
"""The app signs nothing else. So a client cannot make it sign a text of its choice."""


def proof(call: Call) -> Any:
    """Respond with `wsgi-gauntlet proof HEX`: HMAC-SHA256 of the challenge `c` under the token. 403 without a token."""
    key = deployment_token()
    challenge = call.query.get("c", "")
    if not key:
        return call.text("wsgi-gauntlet proof refused: %s is not set\n" % TOKEN_VARIABLE, "403 Forbidden")
    if not CHALLENGE.fullmatch(challenge):
        return call.text("wsgi-gauntlet proof refused: that is no challenge\n", "400 Bad Request")
    signed = hmac.new(os.fsencode(key), b"wsgi-gauntlet proof " + challenge.encode("ascii"), "sha256")
    return call.text("wsgi-gauntlet proof %s\n" % signed.hexdigest())
