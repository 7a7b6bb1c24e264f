"""Derive a plan whose timeouts are visible within a scenario: short timeouts, and workers for every client."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Launch, Protocol, Settings
from wsgi_gauntlet.harness.server.plan import Plan

TIMEOUT_CONDITIONS = {"timeout": ("timeout", "harakiri", "body-timeout"), "keep_alive": ("keep-alive",)}
"""The conditions that show the default of a setting. A timeout that is off stays off."""

DRY_RUN_FOLDER = Path("/nonexistent")
"""The folder of a launch that is never started."""


def with_short_timeouts(plan: Plan, seconds: float, clients: int) -> Plan:
    """Return `plan` with every longer timeout set to `seconds`, and with workers or threads for `clients`.

    Settings that the server does not have, or that the user has set, stay. A front serves its clients itself: it gets
    no workers, and the server behind it stays as it is.
    """
    if not _supports(plan, plan.settings):
        return plan
    asked = plan.settings
    conditions = plan.adapter.conditions(_dry_run_launch(plan, asked))
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
    changed = replace(settings, **{name: value})  # type: ignore[arg-type]  # all these fields are numbers
    return changed if _supports(plan, changed) else settings


def _supports(plan: Plan, settings: Settings) -> bool:
    """Say whether the adapter has a command for `settings`. Adapters start nothing themselves."""
    try:
        plan.adapter.command(_dry_run_launch(plan, settings))
    except Unsupported:
        return False
    return True


def _dry_run_launch(plan: Plan, settings: Settings) -> Launch:
    spoken, behind = Protocol.HTTP, None
    if plan.upstream is not None:
        spoken, _ = plan.adapter.protocol_for(plan.variant, plan.upstream.adapter)
        behind = Address(port=2)
    return Launch(
        python=plan.python,
        executable=plan.found.executable,
        address=Address(port=1),
        app=plan.app,
        folder=DRY_RUN_FOLDER,
        settings=settings,
        variant=plan.variant,
        upstream=behind,
        upstream_protocol=spoken,
    )
