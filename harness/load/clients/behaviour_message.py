"""Kinds of slow client as messages for another machine: the place of the class, and its fields.

Only classes of this package are made from a message, and only those that are data: a behaviour that calls a function of
the scenario stays on the machine of the scenario.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import msgspec

from wsgi_gauntlet.harness.load.clients.behaviours import ClientBehaviour, ClientMix

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

PACKAGE = __name__.partition(".")[0]


class BehaviourMessage(msgspec.Struct, frozen=True):
    """One kind of slow client: module and name of its class, and its fields in MessagePack."""

    module: str
    name: str
    fields: bytes


def behaviour_messages(behaviour: ClientBehaviour) -> tuple[BehaviourMessage, ...]:
    """Return the kinds of `behaviour`, none if one of them cannot be sent to another machine."""
    kinds = behaviour.kinds if isinstance(behaviour, ClientMix) else (behaviour,)
    found = [_message(each) for each in kinds]
    return tuple(each for each in found if each is not None) if None not in found else ()


def _message(behaviour: ClientBehaviour) -> BehaviourMessage | None:
    kind = type(behaviour)
    if kind.__module__.partition(".")[0] != PACKAGE or not dataclasses.is_dataclass(behaviour):
        return None
    values = {each.name: getattr(behaviour, each.name) for each in dataclasses.fields(behaviour)}
    try:
        message = BehaviourMessage(kind.__module__, kind.__qualname__, msgspec.msgpack.encode(values))
        # What comes back must be the same; a field may be of a subclass with more in it.
        return message if _made(message) == behaviour else None
    except (TypeError, ValueError):
        return None


def behaviour_of_messages(messages: Sequence[BehaviourMessage]) -> ClientBehaviour:
    """Return the behaviour of `messages`. Raises ValueError for a class that is not a kind of slow client."""
    kinds = [_made(each) for each in messages]
    return kinds[0] if len(kinds) == 1 else ClientMix(kinds)


def _made(message: BehaviourMessage) -> ClientBehaviour:
    if message.module.partition(".")[0] != PACKAGE:
        raise ValueError(f"{message.module} is not a module of {PACKAGE}")
    try:
        kind = getattr(importlib.import_module(message.module), message.name)
    except (ImportError, AttributeError):
        raise ValueError(f"{message.module} has no {message.name}") from None
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind) and hasattr(kind, "script")):
        raise ValueError(f"{message.module}.{message.name} is no kind of slow client")
    made: DataclassInstance = msgspec.msgpack.decode(message.fields, type=kind)
    return cast("ClientBehaviour", made)
