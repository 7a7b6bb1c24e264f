"""Visits in turn: who plays which step when, and what ends them."""

from __future__ import annotations

import pytest
import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.traffic import in_turn
from wsgi_gauntlet.harness.traffic.compiled import CompiledTraffic
from wsgi_gauntlet.harness.traffic.in_turn import VisitsInTurn, pause_between, play_in_turn
from wsgi_gauntlet.harness.traffic.model import Sequence, Step, Traffic, ValueList
from wsgi_gauntlet.harness.traffic.player import PlayedRequest
from wsgi_gauntlet.harness.traffic.visit import Fault, StepOutcome, Visit

ADDRESS = Address(port=9)


class Players:
    """Answers each request in place of a server. `wrong` and `redirects` are targets; `seconds` pass with each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[tuple[int, str]] = []
        self.wrong: set[str] = set()
        self.open = 0
        players = self

        class FakePlayer:
            def __init__(self, _address: Address, visit: Visit, *, keep: bool) -> None:
                assert not keep
                self.visit = visit
                players.open += 1

            async def play_next(self) -> PlayedRequest:
                await trio.lowlevel.checkpoint()
                visit, step = self.visit, self.visit.step
                target = visit.request(b"localhost").target.decode()
                players.seen.append((visit.row, target))
                ok = target not in players.wrong
                visit.skip()
                outcome = StepOutcome(ok, "end" if visit.ended else "step", fault=None if ok else Fault.STATUS)
                return PlayedRequest(step, "GET", target, outcome, 200, 2, b"ok")

            def close(self) -> None:
                players.open -= 1

        monkeypatch.setattr(in_turn, "Player", FakePlayer)

    def play(self, *sequences: Sequence, values: tuple[ValueList, ...] = (), first_row: int = 0) -> VisitsInTurn:
        found = trio.run(play_in_turn, ADDRESS, CompiledTraffic(Traffic(sequences, values)), first_row)
        assert self.open == 0
        return found


@pytest.fixture
def players(monkeypatch: pytest.MonkeyPatch) -> Players:
    return Players(monkeypatch)


def users(count: int) -> ValueList:
    return ValueList("user", ("name",), tuple((f"u{number}",) for number in range(count)))


def sequence(name: str, *targets: str) -> Sequence:
    return Sequence(name, tuple(Step(each, "GET", each) for each in targets))


def test_three_users_play_the_steps_in_turn_with_rows_of_their_own(players: Players) -> None:
    steps = sequence("s", "/${user.name}/a", "/${user.name}/b", "/${user.name}/c", "/${user.name}/d")
    found = players.play(steps, values=(users(9),), first_row=4)
    assert [target for _, target in players.seen] == [
        *("/u4/a", "/u5/a"),
        *("/u4/b", "/u5/b"),
        *("/u4/c", "/u5/c", "/u6/a"),
        *("/u4/d", "/u5/d", "/u6/b"),
        *("/u6/c", "/u6/d"),
    ]
    assert found.whole
    assert [each.target for each in found.steps[0][0]] == ["/u4/a", "/u5/a", "/u6/a"]
    assert [len(step) for step in found.steps[0]] == [3, 3, 3, 3]


def test_short_visits_are_repeated_while_a_long_one_lasts(players: Players) -> None:
    found = players.play(
        sequence("long", "/1", "/2", "/3", "/4", "/5"), sequence("page", "/p"), sequence("two", "/x", "/y")
    )
    assert [len(step) for step in found.steps[0]] == [3] * 5
    assert len(found.steps[1][0]) == 5
    assert [len(step) for step in found.steps[2]] == [8, 8]
    targets = [target for _, target in players.seen]
    assert targets[targets.index("/2") : targets.index("/3")].count("/p") == 1


def test_users_without_a_row_of_their_own_wait_for_one(players: Players) -> None:
    players.play(sequence("s", "/${user.name}/a", "/${user.name}/b"), values=(users(2),))
    # The third one begins when the others have gone.
    assert [target for _, target in players.seen] == ["/u0/a", "/u1/a", "/u0/b", "/u1/b", "/u0/a", "/u0/b"]
    players.seen.clear()
    players.play(sequence("s", "/${user.name}/a", "/${user.name}/b"), values=(users(1),))
    assert [target for _, target in players.seen] == ["/u0/a", "/u0/b"] * 2


def test_a_wrong_response_ends_its_visit_only(players: Players) -> None:
    players.wrong = {"/u0/b"}
    steps = sequence("s", "/${user.name}/a", "/${user.name}/b", "/${user.name}/c")
    found = players.play(steps, values=(users(9),))
    assert not found.whole
    assert [[each.target for each in step] for step in found.steps[0]] == [
        ["/u0/a", "/u1/a", "/u2/a"],
        ["/u1/b", "/u2/b"],
        ["/u1/c", "/u2/c"],
    ]


def test_a_long_recording_ends_at_the_limit_of_requests(players: Players) -> None:
    found = players.play(sequence("s", *(f"/{number}" for number in range(300))))
    assert not found.whole
    assert len(players.seen) == in_turn.MAX_REQUESTS
    assert len(found.steps[0][100]) == 2
    assert len(found.steps[0][299]) == 0


def test_many_short_sequences_leave_requests_for_the_long_one(players: Players) -> None:
    pages = [sequence(f"p{number}", f"/p{number}") for number in range(30)]
    found = players.play(sequence("long", *(f"/{number}" for number in range(30))), *pages)
    assert found.whole
    assert len(players.seen) <= in_turn.MAX_REQUESTS
    assert [len(step) for step in found.steps[0]] == [3] * 30


def test_a_slow_app_ends_the_turns(players: Players, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_turn, "MAX_SECONDS", -1.0)
    found = players.play(sequence("s", "/a", "/b"))
    assert not found.whole
    assert players.seen == []


def test_the_pause_is_as_short_as_the_limit_allows() -> None:
    assert pause_between([1, 8, 8, 8], 8) == 1
    assert pause_between([1] * 100, 10) == 3
    assert pause_between([1] * 1000, 10) == 10
    assert pause_between([1], 1) == 1
