"""The proof that this app was deployed for the harness: an answer that only who knows the token can give."""

from __future__ import annotations

import hmac
import os
import re
from typing import Any

from ..core.call import Call

TOKEN_VARIABLE = "GAUNTLET_TOKEN"
"""The environment variable with the token."""

CHALLENGE = re.compile("[0-9a-f]{64}")
"""What is signed is never anybody's own choice of words."""


def proof(call: Call) -> Any:
    """Answer `wsgi-gauntlet proof HEX`: HMAC-SHA256 of the challenge `c` under the token. 403 where no token is set."""
    token = os.environ.get(TOKEN_VARIABLE, "")
    challenge = call.query.get("c", "")
    if not token:
        return call.text("wsgi-gauntlet proof refused: %s is not set\n" % TOKEN_VARIABLE, "403 Forbidden")
    if not CHALLENGE.fullmatch(challenge):
        return call.text("wsgi-gauntlet proof refused: that is no challenge\n", "400 Bad Request")
    signed = hmac.new(os.fsencode(token), b"wsgi-gauntlet proof " + challenge.encode("ascii"), "sha256")
    return call.text("wsgi-gauntlet proof %s\n" % signed.hexdigest())
