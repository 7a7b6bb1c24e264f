"""Derive a plan whose timeouts are visible within a scenario: short timeouts, and workers for every client."""

from __future__ import annotations

from dataclasses import replace

from wsgi_gauntlet.harness.server.adapter import Settings
from wsgi_gauntlet.harness.server.plan import Plan

TIMEOUT_CONDITIONS = {"timeout": ("timeout", "harakiri", "body-timeout"), "keep_alive": ("keep-alive",)}
"""The conditions that show the default of a setting. A timeout that is off stays off."""


def with_short_timeouts(plan: Plan, seconds: float, clients: int) -> Plan:
    """Return `plan` with every longer timeout set to `seconds`, and with workers or threads for `clients`.

    Settings that the server does not have, or that the user has set, stay. A front serves its clients itself: it gets
    no workers, and the server behind it stays as it is.
    """
    if plan.unsupported_reason():
        return plan
    asked = plan.settings
    conditions = plan.adapter.conditions(plan.planned_launches()[-1][1])
    for name, known in TIMEOUT_CONDITIONS.items():
        longer = any(
            isinstance(each := conditions.get(condition), int | float) and each > seconds for condition in known
        )
        if getattr(asked, name) is None and longer:
            asked = _with_setting(plan, asked, name, seconds)
    if plan.upstream is None and asked.workers is None and asked.threads is None:
        roomy = _with_setting(plan, asked, "threads", clients)
        asked = _with_setting(plan, asked, "workers", clients) if roomy == asked else roomy
    return replace(plan, settings=asked)


def _with_setting(plan: Plan, settings: Settings, name: str, value: float) -> Settings:
    changed = replace(settings, **{name: value})  # type: ignore[arg-type]  # a number, whatever the field is called
    return settings if replace(plan, settings=changed).unsupported_reason() else changed
