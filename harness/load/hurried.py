"""A server started so that its time-outs can be seen within a scenario: shorter ones, and room for every client."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..adapter import Launch, Protocol, Settings
from ..address import Address
from ..errors import Unsupported
from ..launching.plan import Plan

SETTINGS = {"timeout": ("timeout", "harakiri", "body-timeout"), "keep_alive": ("keep-alive",)}
"""The conditions that tell what a setting is unless the user says otherwise. One that is off stays off."""

NOWHERE = Path("/nonexistent")
"""The folder of a launch that is only asked for its command, and never started."""


def hurried(plan: Plan, seconds: float, clients: int) -> Plan:
    """Return `plan` with each time-out set to `seconds` that is longer, and workers or threads for `clients`.

    What the server has no setting for, or the user has set, stays as it is. A front holds its clients by itself: it is
    given no workers, and the server behind it stays as it is.
    """
    if not _takes(plan, plan.settings):
        return plan
    asked = plan.settings
    conditions = plan.adapter.conditions(_launch(plan, asked))
    for name, known in SETTINGS.items():
        longer = any(isinstance(each := conditions.get(told), int | float) and each > seconds for told in known)
        if getattr(asked, name) is None and longer:
            asked = _with(plan, asked, name, seconds)
    if plan.upstream is None and asked.workers is None and asked.threads is None:
        roomy = _with(plan, asked, "threads", clients)
        asked = _with(plan, asked, "workers", clients) if roomy == asked else roomy
    return replace(plan, settings=asked)


def _with(plan: Plan, settings: Settings, name: str, value: float) -> Settings:
    changed = replace(settings, **{name: value})  # type: ignore[arg-type]  # a number, whatever the field is called
    return changed if _takes(plan, changed) else settings


def _takes(plan: Plan, settings: Settings) -> bool:
    """Say whether the adapter has a command for `settings`; adapters start nothing themselves."""
    try:
        plan.adapter.command(_launch(plan, settings))
    except Unsupported:
        return False
    return True


def _launch(plan: Plan, settings: Settings) -> Launch:
    spoken, behind = Protocol.HTTP, None
    if plan.upstream is not None:
        spoken, _ = plan.adapter.protocol_for(plan.variant, plan.upstream.adapter)
        behind = Address(port=2)
    return Launch(
        python=plan.python,
        executable=plan.found.executable,
        address=Address(port=1),
        app=plan.app,
        folder=NOWHERE,
        settings=settings,
        variant=plan.variant,
        upstream=behind,
        upstream_protocol=spoken,
    )
