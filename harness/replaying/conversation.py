"""What the client of a case did on its connections, as commands of a POSIX shell with nc. Pure.

A shell cannot wait for an answer before it goes on, nor for the app to get somewhere: where the case did, the commands
pause. Connections that were open at the same time are so here, and act in the same order.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ..address import Address
from ..attempts.patterns import Pattern, pieces
from ..model import WireEvent, WireKind
from .shell import comment, going_on, joined, printing

ANSWER = 0.5
"""Seconds in which an answer comes that the next bytes waited for."""

STEP = 0.3
"""Seconds between what one connection does and what another does because of it."""

SEGMENT = 0.05
"""Seconds that keep two pieces apart, so that they go out as segments of their own."""

IDLE = 3
"""Seconds of silence after which nc gives up: more than the app waits at a barrier."""

LONGEST = 10.0
"""Seconds that a pause or a silence is cut to."""

MOST_CLIENTS = 12
"""Connections that are written out, of those at the same time and about of all."""

MOST_PIECES = 40
"""Pieces of one connection that are sent apart; more are joined, or sent byte by byte where they were."""

_CUT = re.compile(r"(\d+) of these (\d+) bytes were not kept")
_ENDS = {WireKind.EOF: "then the end (FIN)", WireKind.RESET: "then a reset (RST)"}

SLOWLY = r"""slowly() {  # each byte in a segment of its own
    od -An -v -to1 | tr -s ' ' '\n' | while read -r byte; do [ -z "$byte" ] || { printf "\\$byte"; sleep 0.01; }; done
}"""


@dataclass(frozen=True)
class Way:
    """How the case was sent: in which pattern, and whether bodies too."""

    pattern: Pattern = Pattern.WHOLE
    bodies: bool = False


@dataclass(frozen=True)
class _Deed:
    """Something that the client did: sent `data` (of `length` bytes, if not all were kept), or ended in some way.

    `heard` says that an answer had come before it, `slow` that `data` went out byte by byte.
    """

    at: float
    kind: WireKind
    data: bytes = b""
    length: int = 0
    heard: bool = False
    slow: bool = False


@dataclass(frozen=True)
class _Client:
    """One connection. `deeds` are what it did; `until` is when it ended, `received` what it got."""

    number: int
    opened: float
    until: float
    deeds: tuple[_Deed, ...]
    received: bytes
    ending: str
    silence: float
    reset: bool


def conversation(wire: Sequence[WireEvent], there: Address, here: Address, way: Way) -> str:
    """Return the commands that do to the server at `here` what was done, in that `way`, to the one that was `there`.

    Where the server was named by its address in a request, it is named by the new one.
    """
    clients = _clients(wire)
    if not clients:
        return comment("The case sends nothing.")
    rename = (there.authority.encode(), here.authority.encode())
    parts: list[str] = []
    written = 0
    for group in _together(clients):
        if written >= MOST_CLIENTS:
            parts.append(comment(f"{len(clients) - written} more connections, not written out"))
            break
        written += min(len(group), MOST_CLIENTS)
        one = len(group) == 1
        parts.append(_sequence(group[0], here, way, rename) if one else _crowd(group, here, way, rename))
    text = "\n\n".join(parts)
    return f"{SLOWLY}\n\n{text}" if "| slowly" in text else text


def of_the_case(wire: Sequence[WireEvent]) -> list[WireEvent]:
    """Return `wire` without the harness's own connections that only saw to it that the server still answers."""
    own = {each.number for each in _clients(wire) if _fence(each)}
    return [each for each in wire if each.connection not in own]


def _clients(wire: Iterable[WireEvent]) -> list[_Client]:
    events: dict[int, list[WireEvent]] = {}
    for event in wire:
        events.setdefault(event.connection, []).append(event)
    return [_client(number, each) for number, each in events.items() if each[0].kind is WireKind.OPENED]


def _client(number: int, events: Sequence[WireEvent]) -> _Client:
    deeds: list[_Deed] = []
    heard = ended = False
    silence, last = 0.0, events[0].at
    for event in events:
        if event.kind is WireKind.RECEIVED:
            heard = True
        elif event.kind in (WireKind.SENT, WireKind.HALF_CLOSED):
            deeds.append(_Deed(event.at, event.kind, event.data, len(event.data), heard))
            heard = False
        elif event.kind is WireKind.CLOSED and not ended:
            deeds.append(_Deed(event.at, event.kind, heard=heard))
        elif event.kind is WireKind.NOTE and deeds and not heard and (length := _whole_length(event, deeds[-1])):
            deeds[-1] = replace(deeds[-1], length=length)
        ended = ended or event.kind in _ENDS
        if event.kind in (WireKind.RECEIVED, *_ENDS):
            silence = max(silence, event.at - last)
        last = event.at
    ends = [each for each in events if each.kind in (WireKind.EOF, WireKind.RESET, WireKind.CLOSED)]
    return _Client(
        number,
        events[0].at,
        ends[0].at if ends else math.inf,
        tuple(deeds),
        b"".join(each.data for each in events if each.kind is WireKind.RECEIVED),
        next((_ENDS[each.kind] for each in ends if each.kind in _ENDS), ""),
        silence,
        any("with a reset" in each.note for each in ends),
    )


def _whole_length(note: WireEvent, sent: _Deed) -> int:
    """Return how much was sent where `note` says that less was kept; 0 where it is about something else."""
    cut = _CUT.search(note.note)
    return int(cut[2]) if cut and int(cut[2]) - int(cut[1]) == len(sent.data) else 0


def _fence(client: _Client) -> bool:
    line = client.deeds[0].data.partition(b"\r\n")[0] if client.deeds else b""
    return line.endswith(b"/fence HTTP/1.1") and client.received.startswith((b"HTTP/1.1 200 ", b"HTTP/1.0 200 "))


def _together(clients: Sequence[_Client]) -> list[list[_Client]]:
    """Return the connections in groups that were open at the same time."""
    groups: list[list[_Client]] = []
    for client in sorted(clients, key=lambda each: each.opened):
        if groups and any(each.until > client.opened for each in groups[-1]):
            groups[-1].append(client)
        else:
            groups.append([client])
    return groups


# ---------------------------------------------------------------------- the same by a shell

_Rename = tuple[bytes, bytes]


def _sequence(client: _Client, here: Address, way: Way, rename: _Rename) -> str:
    times = [0.0]
    for before, deed in pairwise(client.deeds):
        times.append(times[-1] + _pause(before, deed))
    return f"{_told(client)}\n{_pipeline(client, times[: len(client.deeds)], here, way, rename)}"


def _crowd(everybody: Sequence[_Client], here: Address, way: Way, rename: _Rename) -> str:
    group = everybody[:MOST_CLIENTS]
    steps = _schedule(group)
    last = max(time for each in group for time in _acting(each, steps[each.number]))
    lines = []
    now = 0.0
    for client in group:
        start, *times = steps[client.number]
        if start > now:
            lines.append(f"sleep {start - now:.2g}")
            now = start
        closed = bool(client.deeds) and client.deeds[-1].kind is WireKind.CLOSED and not client.reset
        text = _pipeline(
            client,
            [each - start for each in times],
            here,
            way,
            rename,
            lasting=last - _acting(client, [start, *times])[-1],
            closing=times[-1] - start if closed and times[-1] < last else None,
        )
        lines.append(f"{_told(client)}\n{text} > connection-{client.number}.txt &")
    if more := len(everybody) - len(group):
        lines.append(comment(f"{more} more connections at the same time, not written out"))
    files = " ".join(f"connection-{client.number}.txt" for client in group)
    return "\n".join([*lines, "wait", f"tail -n +1 {files}"])


def _acting(client: _Client, times: Sequence[float]) -> list[float]:
    """Return when the connection is opened and used, without its close."""
    closes = bool(client.deeds) and client.deeds[-1].kind is WireKind.CLOSED
    return list(times[:-1] if closes else times)


def _schedule(group: Sequence[_Client]) -> Mapping[int, list[float]]:
    """Return for each connection when it opens and when it does each of its deeds, in seconds from the first."""
    acts: list[tuple[float, _Client, _Deed | None]] = [(each.opened, each, None) for each in group]
    acts += [(deed.at, each, deed) for each in group for deed in each.deeds]
    times: dict[int, list[float]] = {each.number: [] for each in group}
    last: dict[int, _Deed] = {}
    now, before, number = 0.0, min(each.opened for each in group), 0
    for at, client, deed in sorted(acts, key=lambda each: (each[0], each[2] is not None)):
        if number and client.number != number:
            now += min(LONGEST, max(STEP, at - before)) if at - before > SEGMENT else SEGMENT
        elif deed is not None and client.number in last:
            now += _pause(last[client.number], deed)
        times[client.number].append(now)
        before, number = at, client.number
        if deed is not None:
            last[client.number] = deed
    return times


def _pause(before: _Deed, deed: _Deed) -> float:
    gap = min(LONGEST, deed.at - before.at)
    return max(gap, ANSWER) if deed.heard else max(gap, SEGMENT)


def _pipeline(
    client: _Client,
    times: Sequence[float],
    here: Address,
    way: Way,
    rename: _Rename,
    lasting: float = 0.0,
    closing: float | None = None,
) -> str:
    """Return the commands of one connection, whose deeds come at `times` after it was opened.

    It is held open for `lasting` seconds after its last; `closing` is when the client closes it, if that matters.
    """
    commands: list[str] = []
    now = 0.0
    steps = _steps(client, times)
    for time, deed in steps:
        if time - now >= SEGMENT / 2 and (len(steps) <= MOST_PIECES or time - now > STEP):
            commands.append(f"sleep {time - now:.2g}")
        now = time
        if deed.kind is WireKind.SENT:
            commands += [f"{joined(printing(deed.data))} | slowly"] if deed.slow else _sending(deed, way, rename)
    waits = max(
        IDLE, lasting + 1, client.silence + 1, *(b - a + 1 for a, b in pairwise([0.0, *(time for time, _ in steps)]))
    )
    idle = math.ceil(min(waits, LONGEST + 1))
    nothing = ":" if _half_closed(client) else f"sleep {idle}"
    return f"{_joined(commands) if commands else nothing} | {_connecting(client, here, idle, closing)}"


def _steps(client: _Client, times: Sequence[float]) -> list[tuple[float, _Deed]]:
    """Return what is to be done when, up to the close; single bytes in a row are one step."""
    steps: list[tuple[float, _Deed]] = []
    for time, deed in zip(times, client.deeds, strict=True):
        if deed.kind is WireKind.CLOSED:
            break
        before = steps[-1][1] if steps else None
        single = deed.kind is WireKind.SENT and len(deed.data) == 1 and not deed.heard
        if single and before and (before.slow or len(before.data) == 1) and deed.at - before.at < STEP:
            data = before.data + deed.data
            steps[-1] = (steps[-1][0], replace(before, at=deed.at, data=data, length=len(data), slow=True))
        else:
            steps.append((time, deed))
    return steps


def _sending(deed: _Deed, way: Way, rename: _Rename) -> list[str]:
    data = deed.data.replace(*rename)
    if deed.length > len(deed.data):
        return going_on(data, deed.length + len(data) - len(deed.data))
    if way.pattern is Pattern.WHOLE:
        return printing(data)
    commands: list[str] = []
    single = b""
    for piece in [each.data for each in pieces(data, way.pattern, bodies=way.bodies)]:
        if way.pattern is Pattern.BYTES and len(piece) == 1:
            single += piece
            continue
        commands += [f"{joined(printing(single))} | slowly"] if single else []
        commands += [f"sleep {SEGMENT}", *printing(piece)] if commands else printing(piece)
        single = b""
    return commands + ([f"{joined(printing(single))} | slowly"] if single else [])


def _joined(commands: list[str]) -> str:
    if len(commands) == 1:
        return commands[0]
    return "{\n" + "\n".join(commands) + "\n}"


def _half_closed(client: _Client) -> bool:
    return any(each.kind is WireKind.HALF_CLOSED for each in client.deeds)


def _connecting(client: _Client, here: Address, idle: int, closing: float | None) -> str:
    if here.tls:
        where = f"-unix {here.path}" if here.path else f"-connect {here.authority}"
        limit = f"{closing:.2g}" if closing else idle
        return f"timeout {limit} openssl s_client -quiet {where} 2>/dev/null"
    where = f"-U {here.path}" if here.path else f"{here.host} {here.port}"
    text = f"nc {'-N ' if _half_closed(client) else ''}-w {idle} {where}"
    if client.reset:
        # nc knows no reset; but it is killed when nobody reads its output, and what it leaves unread makes one.
        return f"{text} | head -c {len(client.received)}" if client.received else f"timeout -s KILL {ANSWER} {text}"
    return f"timeout {closing:.2g} {text}" if closing else text


def _told(client: _Client) -> str:
    first = client.received.partition(b"\n")[0].rstrip(b"\r")[:120]
    got = f"got {first.decode('latin-1')!a}, {len(client.received):,} bytes" if first else "nothing was read"
    closed = "closes with a reset" if client.reset else ""
    lost = sum(each.length - len(each.data) for each in client.deeds)
    unkept = f"the last {lost:,} bytes sent were not kept, and may have been others" if lost else ""
    told = ", ".join(each for each in (got, client.ending, closed, unkept) if each)
    return comment(told, f"Connection {client.number}: ")
