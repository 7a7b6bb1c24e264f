"""Write the client side of a case as commands of a POSIX shell with nc. Pure.

A shell cannot wait for a response or for the app. If the case did, the commands pause. Connections that were open at
the same time are open at the same time here, and act in the same order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.segmentation import Segmentation, split_segments
from wsgi_gauntlet.harness.model import ConnectionEvent, ConnectionEventKind
from wsgi_gauntlet.harness.replay.shell_commands import comment, group_commands, print_commands, print_continued

RESPONSE_WAIT_SECONDS = 0.5
"""Seconds of pause for a response that the case awaited before the next bytes."""

CONNECTION_STEP_SECONDS = 0.3
"""Seconds of pause before another connection acts."""

SEGMENT_GAP_SECONDS = 0.05
"""Seconds between two pieces, so that they are sent in separate segments."""

IDLE_TIMEOUT_SECONDS = 3
"""Idle seconds after which nc ends: more than the app waits at a barrier."""

MAX_PAUSE_SECONDS = 10.0
"""Longest pause in seconds; longer ones are shortened."""

MAX_CONNECTIONS = 12
"""Connections that the script has: at most this many at the same time, and about this many in all."""

MAX_SEGMENTS = 40
"""Pieces of one connection that are sent with pauses; with more pieces, short pauses are left out."""

_END_DESCRIPTIONS = {ConnectionEventKind.EOF: "then the end (FIN)", ConnectionEventKind.RESET: "then a reset (RST)"}

BYTE_BY_BYTE_FUNCTION = r"""slowly() {  # each byte in a segment of its own
    od -An -v -to1 | tr -s ' ' '\n' | while read -r byte; do [ -z "$byte" ] || { printf "\\$byte"; sleep 0.01; }; done
}"""


@dataclass(frozen=True)
class SendMode:
    """How the requests of the case were cut, and whether bodies were cut too."""

    segmentation: Segmentation = Segmentation.WHOLE
    split_bodies: bool = False


@dataclass(frozen=True)
class _Action:
    """One action of the client: it sent `data`, or it ended the connection. `length` counts also bytes not kept.

    `after_response`: a response had arrived before. `byte_by_byte`: each byte of `data` was sent alone.
    """

    at: float
    kind: ConnectionEventKind
    data: bytes = b""
    length: int = 0
    after_response: bool = False
    byte_by_byte: bool = False


@dataclass(frozen=True)
class _Connection:
    """One connection with its `actions`. `until` is the time of its end; `silence` its longest wait in seconds."""

    number: int
    opened: float
    until: float
    actions: tuple[_Action, ...]
    received: bytes
    ending: str
    silence: float
    reset: bool


def netcat_script(
    wire: Sequence[ConnectionEvent], original_address: Address, new_address: Address, mode: SendMode
) -> str:
    """Return the commands that repeat `wire` on the server at `new_address`, with the requests cut as `mode` says.

    In the requests, `original_address` is replaced by the new one.
    """
    connections = _connections(wire)
    if not connections:
        return comment("The case sends nothing.")
    rename = (original_address.authority.encode(), new_address.authority.encode())
    parts: list[str] = []
    written = 0
    for group in _concurrent_groups(connections):
        if written >= MAX_CONNECTIONS:
            parts.append(comment(f"{len(connections) - written} more connections, not written out"))
            break
        written += min(len(group), MAX_CONNECTIONS)
        one = len(group) == 1
        parts.append(
            _sequential_script(group[0], new_address, mode, rename)
            if one
            else _concurrent_script(group, new_address, mode, rename)
        )
    text = "\n\n".join(parts)
    return f"{BYTE_BY_BYTE_FUNCTION}\n\n{text}" if "| slowly" in text else text


def case_events(wire: Sequence[ConnectionEvent]) -> list[ConnectionEvent]:
    """Return `wire` without the sync requests of the harness."""
    own = {each.number for each in _connections(wire) if _is_sync_request(each)}
    return [each for each in wire if each.connection not in own]


def _connections(wire: Iterable[ConnectionEvent]) -> list[_Connection]:
    events: dict[int, list[ConnectionEvent]] = {}
    for event in wire:
        events.setdefault(event.connection, []).append(event)
    return [_connection(number, each) for number, each in events.items() if each[0].kind is ConnectionEventKind.OPENED]


def _connection(number: int, events: Sequence[ConnectionEvent]) -> _Connection:
    actions: list[_Action] = []
    after_response = ended = False
    silence, last = 0.0, events[0].at
    for event in events:
        if event.kind is ConnectionEventKind.RECEIVED:
            after_response = True
        elif event.kind in (ConnectionEventKind.SENT, ConnectionEventKind.HALF_CLOSED):
            actions.append(_Action(event.at, event.kind, event.data, len(event.data) + event.omitted, after_response))
            after_response = False
        elif event.kind is ConnectionEventKind.CLOSED and not ended:
            actions.append(_Action(event.at, event.kind, after_response=after_response))
        ended = ended or event.kind in _END_DESCRIPTIONS
        if event.kind in (ConnectionEventKind.RECEIVED, *_END_DESCRIPTIONS):
            silence = max(silence, event.at - last)
        last = event.at
    ends = [
        each
        for each in events
        if each.kind in (ConnectionEventKind.EOF, ConnectionEventKind.RESET, ConnectionEventKind.CLOSED)
    ]
    return _Connection(
        number,
        events[0].at,
        ends[0].at if ends else math.inf,
        tuple(actions),
        b"".join(each.data for each in events if each.kind is ConnectionEventKind.RECEIVED),
        next((_END_DESCRIPTIONS[each.kind] for each in ends if each.kind in _END_DESCRIPTIONS), ""),
        silence,
        any("with a reset" in each.note for each in ends),
    )


def _is_sync_request(connection: _Connection) -> bool:
    line = connection.actions[0].data.partition(b"\r\n")[0] if connection.actions else b""
    return line.endswith(b"/sync HTTP/1.1") and connection.received.startswith((b"HTTP/1.1 200 ", b"HTTP/1.0 200 "))


def _concurrent_groups(connections: Sequence[_Connection]) -> list[list[_Connection]]:
    """Return the connections in groups that were open at the same time."""
    groups: list[list[_Connection]] = []
    for connection in sorted(connections, key=lambda each: each.opened):
        if groups and any(each.until > connection.opened for each in groups[-1]):
            groups[-1].append(connection)
        else:
            groups.append([connection])
    return groups


# ---------------------------------------------------------------------- the same by a shell

_Rename = tuple[bytes, bytes]


def _sequential_script(connection: _Connection, new_address: Address, mode: SendMode, rename: _Rename) -> str:
    times = [0.0]
    for before, action in pairwise(connection.actions):
        times.append(times[-1] + _pause(before, action))
    pipeline = _pipeline(connection, times[: len(connection.actions)], new_address, mode, rename)
    return f"{_summary_comment(connection)}\n{pipeline}"


def _concurrent_script(
    all_connections: Sequence[_Connection], new_address: Address, mode: SendMode, rename: _Rename
) -> str:
    group = all_connections[:MAX_CONNECTIONS]
    steps = _schedule(group)
    last = max(time for each in group for time in _activity_times(each, steps[each.number]))
    lines = []
    now = 0.0
    for connection in group:
        start, *times = steps[connection.number]
        if start > now:
            lines.append(f"sleep {start - now:.2g}")
            now = start
        closed = (
            bool(connection.actions)
            and connection.actions[-1].kind is ConnectionEventKind.CLOSED
            and not connection.reset
        )
        text = _pipeline(
            connection,
            [each - start for each in times],
            new_address,
            mode,
            rename,
            hold_seconds=last - _activity_times(connection, [start, *times])[-1],
            close_at=times[-1] - start if closed and times[-1] < last else None,
        )
        lines.append(f"{_summary_comment(connection)}\n{text} > connection-{connection.number}.txt &")
    if more := len(all_connections) - len(group):
        lines.append(comment(f"{more} more connections at the same time, not written out"))
    files = " ".join(f"connection-{connection.number}.txt" for connection in group)
    return "\n".join([*lines, "wait", f"tail -n +1 {files}"])


def _activity_times(connection: _Connection, times: Sequence[float]) -> list[float]:
    """Return when the connection is opened and used, without its close."""
    closes = bool(connection.actions) and connection.actions[-1].kind is ConnectionEventKind.CLOSED
    return list(times[:-1] if closes else times)


def _schedule(group: Sequence[_Connection]) -> Mapping[int, list[float]]:
    """Return for each connection the times of its opening and of its actions, in seconds from the first."""
    timeline: list[tuple[float, _Connection, _Action | None]] = [(each.opened, each, None) for each in group]
    timeline += [(action.at, each, action) for each in group for action in each.actions]
    times: dict[int, list[float]] = {each.number: [] for each in group}
    last: dict[int, _Action] = {}
    now, before, number = 0.0, min(each.opened for each in group), 0
    for at, connection, action in sorted(timeline, key=lambda each: (each[0], each[2] is not None)):
        if number and connection.number != number:
            now += (
                min(MAX_PAUSE_SECONDS, max(CONNECTION_STEP_SECONDS, at - before))
                if at - before > SEGMENT_GAP_SECONDS
                else SEGMENT_GAP_SECONDS
            )
        elif action is not None and connection.number in last:
            now += _pause(last[connection.number], action)
        times[connection.number].append(now)
        before, number = at, connection.number
        if action is not None:
            last[connection.number] = action
    return times


def _pause(before: _Action, action: _Action) -> float:
    gap = min(MAX_PAUSE_SECONDS, action.at - before.at)
    return max(gap, RESPONSE_WAIT_SECONDS) if action.after_response else max(gap, SEGMENT_GAP_SECONDS)


def _pipeline(
    connection: _Connection,
    times: Sequence[float],
    new_address: Address,
    mode: SendMode,
    rename: _Rename,
    hold_seconds: float = 0.0,
    close_at: float | None = None,
) -> str:
    """Return the commands of one connection, whose actions happen at `times` after its opening.

    It stays open for `hold_seconds` after its last action. `close_at` is the time at which the client closes it, if
    that matters.
    """
    commands: list[str] = []
    now = 0.0
    steps = _steps(connection, times)
    for time, action in steps:
        if time - now >= SEGMENT_GAP_SECONDS / 2 and (
            len(steps) <= MAX_SEGMENTS or time - now > CONNECTION_STEP_SECONDS
        ):
            commands.append(f"sleep {time - now:.2g}")
        now = time
        if action.kind is ConnectionEventKind.SENT:
            commands += (
                [f"{group_commands(print_commands(action.data))} | slowly"]
                if action.byte_by_byte
                else _send_commands(action, mode, rename)
            )
    waits = max(
        IDLE_TIMEOUT_SECONDS,
        hold_seconds + 1,
        connection.silence + 1,
        *(b - a + 1 for a, b in pairwise([0.0, *(time for time, _ in steps)])),
    )
    idle = math.ceil(min(waits, MAX_PAUSE_SECONDS + 1))
    nothing = ":" if _half_closed(connection) else f"sleep {idle}"
    return (
        f"{_brace_group(commands) if commands else nothing} | "
        f"{_connect_command(connection, new_address, idle, close_at)}"
    )


def _steps(connection: _Connection, times: Sequence[float]) -> list[tuple[float, _Action]]:
    """Return the actions with their times, up to the close. Single bytes in a row are one action."""
    steps: list[tuple[float, _Action]] = []
    for time, action in zip(times, connection.actions, strict=True):
        if action.kind is ConnectionEventKind.CLOSED:
            break
        before = steps[-1][1] if steps else None
        single = action.kind is ConnectionEventKind.SENT and len(action.data) == 1 and not action.after_response
        if (
            single
            and before
            and (before.byte_by_byte or len(before.data) == 1)
            and action.at - before.at < CONNECTION_STEP_SECONDS
        ):
            data = before.data + action.data
            steps[-1] = (steps[-1][0], replace(before, at=action.at, data=data, length=len(data), byte_by_byte=True))
        else:
            steps.append((time, action))
    return steps


def _send_commands(action: _Action, mode: SendMode, rename: _Rename) -> list[str]:
    data = action.data.replace(*rename)
    if action.length > len(action.data):
        return print_continued(data, action.length + len(data) - len(action.data))
    if mode.segmentation is Segmentation.WHOLE:
        return print_commands(data)
    commands: list[str] = []
    single = b""
    for piece in [each.data for each in split_segments(data, mode.segmentation, split_bodies=mode.split_bodies)]:
        if mode.segmentation is Segmentation.BYTES and len(piece) == 1:
            single += piece
            continue
        commands += [f"{group_commands(print_commands(single))} | slowly"] if single else []
        commands += [f"sleep {SEGMENT_GAP_SECONDS}", *print_commands(piece)] if commands else print_commands(piece)
        single = b""
    return commands + ([f"{group_commands(print_commands(single))} | slowly"] if single else [])


def _brace_group(commands: list[str]) -> str:
    if len(commands) == 1:
        return commands[0]
    return "{\n" + "\n".join(commands) + "\n}"


def _half_closed(connection: _Connection) -> bool:
    return any(each.kind is ConnectionEventKind.HALF_CLOSED for each in connection.actions)


def _connect_command(connection: _Connection, new_address: Address, idle: int, close_at: float | None) -> str:
    if new_address.tls:
        where = f"-unix {new_address.path}" if new_address.path else f"-connect {new_address.authority}"
        limit = f"{close_at:.2g}" if close_at else idle
        return f"timeout {limit} openssl s_client -quiet {where} 2>/dev/null"
    where = f"-U {new_address.path}" if new_address.path else f"{new_address.host} {new_address.port}"
    text = f"nc {'-N ' if _half_closed(connection) else ''}-w {idle} {where}"
    if connection.reset:
        # nc cannot send a reset. But if it is killed with unread bytes, the kernel sends one.
        return (
            f"{text} | head -c {len(connection.received)}"
            if connection.received
            else f"timeout -s KILL {RESPONSE_WAIT_SECONDS} {text}"
        )
    return f"timeout {close_at:.2g} {text}" if close_at else text


def _summary_comment(connection: _Connection) -> str:
    first = connection.received.partition(b"\n")[0].rstrip(b"\r")[:120]
    got = f"got {first.decode('latin-1')!a}, {len(connection.received):,} bytes" if first else "nothing was read"
    closed = "closes with a reset" if connection.reset else ""
    lost = sum(each.length - len(each.data) for each in connection.actions)
    truncated = f"the last {lost:,} bytes sent were not kept, and may differ" if lost else ""
    details = ", ".join(each for each in (got, connection.ending, closed, truncated) if each)
    return comment(details, f"Connection {connection.number}: ")
