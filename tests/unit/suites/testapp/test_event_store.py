"""The event store of a target: one session at a time, each request once, and events within limits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from wsgi_gauntlet.suites.testapp.core import event_store
from wsgi_gauntlet.suites.testapp.core.event_store import ActiveSession, EventStore, StoreUnusable, gate_hash

TOKEN = "tokén"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EventStore:
    monkeypatch.setenv("WSGI_GAUNTLET_STORE", str(tmp_path / "store"))
    return EventStore(TOKEN)


def begun(store: EventStore) -> ActiveSession:
    assert store.begin(store.offer(), 1)
    active = store.active()
    assert active is not None
    return active


def age(store: EventStore, seconds: float) -> None:
    path = store.folder / "active"
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


def events(store: EventStore) -> list[dict[str, object]]:
    active = store.active()
    assert active is not None
    data, more = store.read(active, 0)
    assert not more
    return [json.loads(line) for line in data.splitlines()]


def test_nothing_is_kept_before_a_session(store: EventStore) -> None:
    assert store.active() is None
    store.write("called", "t", {})
    assert not store.folder.exists()


def test_events_are_numbered_from_zero_in_each_session(store: EventStore) -> None:
    for _ in range(2):
        begun(store)
        store.write("called", "t", {"path": "/"})
        store.write("closed", "t", {})
        assert [(each["kind"], each["sequence"]) for each in events(store)] == [("called", 0), ("closed", 1)]
        store.end()
        assert store.active() is None
        assert not list(store.folder.glob("events-*"))


def test_a_session_begins_once_and_none_before_it(store: EventStore) -> None:
    first, second = store.offer(), store.offer()
    assert store.begin(second, 1)
    assert not store.begin(second, 2)
    assert not store.begin(first, 1)
    store.end()
    assert not store.begin(second, 3)


@pytest.mark.parametrize("change", ["x", "", "0"])
def test_only_an_offered_session_begins(store: EventStore, change: str) -> None:
    offered = store.offer()
    assert not store.begin(offered[:-1] + change if offered[-1] != change else offered[:-1] + "1", 1)
    assert not store.begin(change, 1)


def test_an_old_offer_does_not_begin(store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    offered = store.offer()
    monkeypatch.setattr(event_store, "OFFER_SECONDS", -1.0)
    assert not store.begin(offered, 1)


def test_a_number_is_accepted_once_and_only_upwards(store: EventStore) -> None:
    session = begun(store).session
    assert store.accept(session, 2)
    assert not store.accept(session, 2)
    assert not store.accept(session, 1)
    assert store.accept(session, 7)
    assert not store.accept(store.offer(), 8)


def test_of_many_simultaneous_requests_with_one_number_one_is_accepted(store: EventStore) -> None:
    session = begun(store).session
    barrier, accepted = threading.Barrier(8), []

    def ask() -> None:
        barrier.wait()
        accepted.append(store.accept(session, 2))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert accepted.count(True) == 1
    assert store.accept(session, 3)


def test_a_session_ends_by_itself(store: EventStore) -> None:
    session = begun(store).session
    assert store.in_use()
    age(store, event_store.IN_USE_SECONDS + 1)
    assert not store.in_use()
    assert store.active() is not None
    age(store, event_store.LEASE_SECONDS)
    assert store.active() is None
    assert not store.accept(session, 2)


def test_all_processes_write_to_one_store(store: EventStore) -> None:
    begun(store)
    store.write("called", "here", {})
    code = "import sys; from wsgi_gauntlet.suites.testapp.core.event_store import EventStore\n"
    code += f"EventStore({TOKEN!r}).write('called', 'there', {{}})"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    found = events(store)
    assert [(each["token"], each["sequence"]) for each in found] == [("here", 0), ("there", 0)]
    assert found[0]["pid"] != found[1]["pid"]


def test_a_full_store_loses_events_and_the_numbers_show_it(store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    active = begun(store)
    store.write("called", "t", {})
    size = (store.folder / f"events-{active.generation}").stat().st_size
    monkeypatch.setattr(event_store, "MAX_STORED_BYTES", size)
    store.write("lost", "t", {})
    assert (store.folder / f"events-{active.generation}").stat().st_size == size
    monkeypatch.setattr(event_store, "MAX_STORED_BYTES", 10 * size)
    store.write("called", "t", {})
    assert [each["sequence"] for each in events(store)] == [0, 2]


def test_a_large_event_says_only_its_size(store: EventStore) -> None:
    begun(store)
    store.write("called", "t", {"path": "/x", "data": "x" * event_store.MAX_STORED_EVENT_BYTES})
    (event,) = events(store)
    detail = event["detail"]
    assert isinstance(detail, dict)
    assert detail["path"] == "/x"
    assert detail["too_large"] > event_store.MAX_STORED_EVENT_BYTES


def test_a_response_has_whole_events_up_to_its_limit(store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    active = begun(store)
    for _ in range(5):
        store.write("called", "t", {})
    every, _ = store.read(active, 0)
    monkeypatch.setattr(event_store, "MAX_FETCHED_BYTES", len(every) // 2)
    parts, offset, more = b"", 0, True
    while more:
        part, more = store.read(active, offset)
        assert part.endswith(b"\n")
        parts, offset = parts + part, offset + len(part)
    assert parts == every


def test_new_files_forget_the_old_events_and_barriers(store: EventStore) -> None:
    active = begun(store)
    store.write("called", "t", {})
    store.open_gates(active, [gate_hash("t:x")])
    later = store.new_generation(active)
    assert store.active() == later
    assert not list(store.folder.glob(f"*-{active.generation}"))
    store.write("closed", "t", {})
    assert [each["sequence"] for each in events(store)] == [1]
    assert not store.wait_for_gate(later, (gate_hash("t:x"),), 0)


def test_an_open_barrier_stays_open_and_others_stay_closed(store: EventStore) -> None:
    active = begun(store)
    store.open_gates(active, [gate_hash("t:x"), "", "../../etc/passwd", "x" * 33])
    assert store.wait_for_gate(active, (gate_hash("t:y"), gate_hash("t:x")), 0)
    assert not store.wait_for_gate(active, (gate_hash("t:y"),), 0)


def test_barriers_are_bounded(store: EventStore) -> None:
    active = begun(store)
    for number in range(0, 4000, 100):
        store.open_gates(active, [gate_hash(str(each)) for each in range(number, number + 100)])
    assert (store.folder / f"gates-{active.generation}").stat().st_size <= event_store.MAX_GATES_BYTES


def test_a_folder_of_somebody_else_is_not_used(store: EventStore) -> None:
    store.folder.mkdir(0o777)
    store.folder.chmod(0o777)
    with pytest.raises(StoreUnusable, match="other users"):
        store.begin(store.offer(), 1)


def test_a_link_is_not_followed(store: EventStore, tmp_path: Path) -> None:
    (tmp_path / "another-folder").mkdir(0o700)
    store.folder.symlink_to(tmp_path / "another-folder")
    with pytest.raises(StoreUnusable, match="is no folder"):
        store.begin(store.offer(), 1)


def test_a_file_in_place_of_the_folder_is_an_error(store: EventStore) -> None:
    store.folder.write_text("")
    with pytest.raises(StoreUnusable, match="cannot write"):
        store.begin(store.offer(), 1)


def test_each_token_has_its_own_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WSGI_GAUNTLET_STORE", raising=False)
    assert EventStore("a").folder != EventStore("b").folder
    assert "a-very-special-token" not in str(EventStore("a-very-special-token").folder)
