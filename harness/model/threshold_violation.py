"""A threshold of the user's that a cell of load breaks."""

from __future__ import annotations

import msgspec


class ThresholdViolation(msgspec.Struct, frozen=True):
    """`threshold` is its name, `limit` what the user asks, `value` what was measured; `table` says where it stands.

    Seconds, requests per second and counts, as in the cell. `told` says it in a sentence's words.
    """

    threshold: str
    limit: float
    value: float
    table: str
    told: str
