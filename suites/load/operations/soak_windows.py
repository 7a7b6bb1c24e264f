"""A long phase in stretches of equal length: what users got in each, and what the server used at its end."""

from __future__ import annotations

from collections.abc import Sequence

from wsgi_gauntlet.harness.load.probes.resource_usage import ResourceUsage
from wsgi_gauntlet.harness.model import Sample, Window
from wsgi_gauntlet.harness.stats.summary import summarize


def summarize_windows(
    samples: Sequence[Sample],
    usage_samples: Sequence[tuple[float, ResourceUsage]],
    began: float,
    ended: float,
    seconds: float,
) -> tuple[Window, ...]:
    """Return the whole stretches of `seconds` between `began` and `ended`, in seconds from the scenario's start.

    `used` has what the server's processes used and when; the last look in a stretch is its own, 0 where there was none.
    """
    count = max(0, int((ended - began) / seconds + 1e-9))
    buckets: list[list[Sample]] = [[] for _ in range(count)]
    for each in samples:
        index = int((each.intended - began) / seconds)
        if each.intended >= began and index < count:
            buckets[index].append(each)
    found = []
    for index, bucket in enumerate(buckets):
        at = began + index * seconds
        # What rounding put into the next stretch is due at its very beginning.
        inside = summarize(bucket, "", at - seconds, at + 2 * seconds)
        last = max(
            (each for each in usage_samples if at <= each[0] < at + seconds), default=None, key=lambda each: each[0]
        )
        usage = last[1] if last else ResourceUsage(0.0)
        found.append(
            Window(
                at,
                seconds,
                inside.scheduled / seconds,
                inside.goodput,
                inside.p50,
                inside.p99,
                usage.rss,
                usage.descriptors,
                usage.threads,
            )
        )
    return tuple(found)
