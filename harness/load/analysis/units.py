"""Format figures for people: seconds, bytes, rates, shares and counts."""

from __future__ import annotations

import math


def format_seconds(value: float) -> str:
    """Return a time: `3.2 ms`, `450 ms`, `5.0 s`."""
    if value < 0.01:
        return f"{value * 1000:.1f} ms"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


def format_bytes(count: float) -> str:
    """Return a number of bytes, with decimal prefixes: `512 bytes`, `31 KB`, `2.6 MB`, `2.0 GB`."""
    if abs(count) < 1e4:
        return f"{count:.0f} bytes"
    if abs(count) < 1e6:
        return f"{count / 1e3:.0f} KB"
    return f"{count / 1e6:.1f} MB" if abs(count) < 1e9 else f"{count / 1e9:.1f} GB"


def format_rate(rate: float) -> str:
    """Return a rate per second: `1,733/s`, `31.4/s`."""
    return f"{rate:,.0f}/s" if rate >= 100 else f"{rate:.3g}/s"


def format_share(share: float) -> str:
    """Return a share of 1 in per cent, cut and never rounded up: `97 %`, `98.9 %`, `99.95 %`; `100 %` means all.

    A share near 1 gets more digits, so that 99.96 % does not look like all.
    """
    if share >= 1 or share <= 0:
        return f"{share * 100:.0f} %"
    if share < 0.001:
        return "< 0.1 %"
    digits = next((digits for digits, limit in ((1, 0.01), (0, 0.9), (1, 0.99), (2, 0.9999)) if share < limit), 3)
    # 0.29 * 100 is 28.999999999999996 in floating point. The added number is far below the last digit.
    cut = math.floor(share * 100 * 10**digits + 1e-6) / 10**digits
    return f"{min(cut, 99.999):.3f}".rstrip("0").rstrip(".") + " %"


def format_times(count: int) -> str:
    """Return how often something happened: `once`, `3 times`."""
    return "once" if count == 1 else f"{count} times"
