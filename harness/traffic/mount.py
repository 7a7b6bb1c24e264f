"""Traffic of an app that a server mounts below a path. Pure."""

from __future__ import annotations

import msgspec

from wsgi_gauntlet.harness.traffic.model import Traffic


def with_mount(traffic: Traffic, mount: str) -> Traffic:
    """Return the traffic of an app whose paths begin with `mount`. Links that come from the app have it already."""
    if not mount:
        return traffic
    return msgspec.structs.replace(
        traffic,
        sequences=tuple(
            msgspec.structs.replace(
                each,
                steps=tuple(
                    msgspec.structs.replace(step, target=mount + step.target) if step.target.startswith("/") else step
                    for step in each.steps
                ),
            )
            for each in traffic.sequences
        ),
    )
