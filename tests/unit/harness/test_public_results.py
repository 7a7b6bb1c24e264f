"""--public: no output has a path, a user or a host of the machine that made it."""

from __future__ import annotations

import base64
import getpass
import re
import socket
import sys
import zlib
from pathlib import Path

import msgspec
import pytest

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.model import (
    CONFIGURATION_KEY,
    SCHEMA,
    AppEvent,
    BaseRun,
    Candidate,
    CaseInfo,
    CaseResult,
    ComparisonResult,
    ConnectionEvent,
    ConnectionEventKind,
    Evidence,
    GeneratorHealth,
    Grade,
    Level,
    Reference,
    Results,
    ScenarioResult,
    ServerInfo,
    Verdict,
    WorkerHealth,
)
from wsgi_gauntlet.harness.public_results import PrivateNames, private_names, publish
from wsgi_gauntlet.harness.store import journal
from wsgi_gauntlet.harness.store.stored_evidence import StoredEvidence

PRIVATE = PrivateNames(
    {
        "/home/erika": "~",
        "/home/erika/work/run": "RUN",
        "/home/erika/venv": "PYTHON",
    },
    {"erika": "USER", "build-7.corp.example": "HOST", "build-7": "HOST"},
)

EVERYWHERE = (
    "/home/erika/work/run/logs /home/erika/venv/bin/python -m x; -I/home/other/secret; "
    "erika@build-7.corp.example, build-7!"
)
SHORT = "RUN/logs PYTHON/bin/python -m x; -I~/secret; USER@HOST, HOST!"


def results(text: str = EVERYWHERE, server: str = "./erika.py") -> Results:
    """Return a run with `text` in every place that may have text of this machine."""
    evidence = Evidence(
        wire=(ConnectionEvent(1.0, 1, ConnectionEventKind.RECEIVED, b"HTTP/1.1 500\r\n\r\n" + text.encode(), text),),
        app=(AppEvent(1.0, "called", 1, 1, detail={"environ": {"SCRIPT": text}, "list": [text, 1, None, b"x"]}),),
        log=text,
        process=(text,),
    )
    cell = CaseResult(
        server, "http/erika/build-7", Level.MUST, ("erika",), Verdict.FAIL, "s", text, text, evidence=evidence
    )
    info = ServerInfo(server, "erika", True, command=text, why=text, configuration=(text,), conditions={"a": text})
    case = CaseInfo(cell.case, Level.MUST, (), "erika", Reference("d", "s", "q", "u"))
    return Results(
        SCHEMA, {"options": ["--python", text], "app": text}, {server: info}, (cell,), cases={cell.case: case}
    )


def readable(output: str) -> str:
    """Return an output with the blocks of data of a page, as a reader of the page gets them."""
    blocks = re.findall(r"data-block=[^>]*>([A-Za-z0-9+/=\s]+)<", output)
    return output + "".join(zlib.decompress(base64.b64decode(each), -zlib.MAX_WBITS).decode() for each in blocks)


def texts(value: object) -> list[str]:
    """Return each text below `value`, also of bytes."""
    if isinstance(value, bytes):
        return [value.decode("utf-8", "surrogateescape")]
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.items() for each in item for text in texts(each)]
    if isinstance(value, list | tuple):
        return [text for each in value for text in texts(each)]
    if isinstance(value, msgspec.Struct):
        return [text for name in value.__struct_fields__ for text in texts(getattr(value, name))]
    return []


def test_every_text_is_shortened() -> None:
    published = publish(results(), PRIVATE)
    assert published.environment == {"options": ["--python", SHORT], "app": SHORT, "public": True}
    (cell,) = published.conformance
    assert (cell.expected, cell.evidence.log, cell.evidence.wire[0].note) == (SHORT, SHORT, SHORT)
    assert cell.evidence.wire[0].data == b"HTTP/1.1 500\r\n\r\n" + SHORT.encode()
    assert cell.evidence.app[0].detail == {"environ": {"SCRIPT": SHORT}, "list": [SHORT, 1, None, b"x"]}
    for text in texts(msgspec.structs.replace(published, cases={})):
        assert "/home/" not in text
        assert "corp" not in text


def test_what_identifies_a_cell_keeps_the_words_that_are_also_names() -> None:
    """A user may be called `http`. The catalogue is the same on every machine."""
    published = publish(results(), PRIVATE)
    assert published.conformance[0].case == "http/erika/build-7"
    assert published.conformance[0].tags == ("erika",)
    assert list(published.servers) == ["./erika.py"]
    assert published.cases == results().cases


def test_a_server_named_by_a_path_is_the_same_everywhere() -> None:
    published = publish(results(server="/home/erika/adapters/mine.py[workers=2]"), PRIVATE)
    assert list(published.servers) == [published.conformance[0].server] == ["~/adapters/mine.py[workers=2]"]
    assert published.servers[published.conformance[0].server].name == published.conformance[0].server


def test_only_whole_names_are_replaced() -> None:
    text = "erikas terika my-erika /home/erikason/x build-70"
    assert publish(results(text), PRIVATE).conformance[0].actual == "erikas terika my-erika ~/x build-70"


def test_without_private_names_home_folders_are_shortened_all_the_same() -> None:
    assert publish(results("/Users/eva/x"), PrivateNames({}, {})).conformance[0].actual == "~/x"
    assert publish(results("nothing"), PrivateNames({}, {})).conformance == results("nothing").conformance


def test_this_machine_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, folder = tmp_path / "home", tmp_path / "somewhere" / "gauntlet-out"
    config = tmp_path / "etc" / "site.conf"
    config.parent.mkdir()
    config.touch()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(getpass, "getuser", lambda: "erika")
    monkeypatch.setattr(socket, "gethostname", lambda: "build-7.corp.example")
    run = results()
    info = msgspec.structs.replace(
        run.servers["./erika.py"], python=str(tmp_path / "venv/bin/python"), configuration=(str(config),)
    )
    found = private_names(msgspec.structs.replace(run, servers={info.name: info}), [folder])
    assert found.paths[str(home)] == "~"
    assert found.paths[str(folder)] == "RUN"
    assert found.paths[str(tmp_path / "venv")] == "PYTHON"
    assert found.paths[str(config.parent)] == "FILES"
    assert found.paths[sys.prefix] == "PYTHON"
    assert found.names == {"erika": "USER", "build-7.corp.example": "HOST", "build-7": "HOST"}


def test_usual_names_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """`root` is a word of many sentences."""
    monkeypatch.setattr(getpass, "getuser", lambda: "root")
    monkeypatch.setattr(socket, "gethostname", lambda: "ci")
    assert private_names(results()).names == {}
    assert "/usr" not in private_names(results()).paths


@pytest.mark.parametrize("home", ["/root", "/app"])
def test_the_id_of_a_case_is_no_path(home: str) -> None:
    """`/root` is the home of many containers, and the last part of an id."""
    cell = msgspec.structs.replace(results().conformance[0], case=f"http/request-line{home}")
    text = f"replay a http/request-line{home}; {home}/x, -p={home} '{home}'"
    run = msgspec.structs.replace(results(text), conformance=(cell, results(text).conformance[0]))
    named, other = publish(run, PrivateNames({home: "~"}, {})).conformance
    assert named.case == cell.case
    assert other.actual == f"replay a http/request-line{home}; ~/x, -p=~ '~'"


def test_the_paths_of_all_merged_runs_are_known(tmp_path: Path) -> None:
    """Of the base run and the baseline, of earlier runs, and of comparisons."""
    folders = [tmp_path / each for each in ("merged", "based", "command", "candidate/bin")]
    files = [each / "python3" for each in folders]
    for each in files:
        each.parent.mkdir(parents=True)
        each.touch()
    merged, based, command, candidate = map(str, files)
    environment = {"merged": [{"options": ["--cases", merged]}, {"target": "http://app.corp.example:80"}]}
    compared = ComparisonResult(
        (Candidate("A", "a", "a", python=candidate),), 1, 0.05, command=f"wsgi-gauntlet compare --cases {command}"
    )
    run = msgspec.structs.replace(
        results(),
        environment=environment,
        baseline=f"{tmp_path}/lists/known.toml, other.toml",
        base=BaseRun(f"{tmp_path}/secret/main", {"options": ["--cases", based]}, {}),
        comparisons=(compared,),
    )
    found = private_names(run).paths
    for folder in (*folders[:3], tmp_path / "lists", tmp_path / "secret"):
        assert found[str(folder)] == "FILES"
    assert found[str(tmp_path / "candidate")] == "PYTHON"
    assert found["app.corp.example"] == "HOST"
    published = publish(run, private_names(run))
    assert published.base is not None
    assert published.base.name == "FILES/main"
    assert published.baseline == "FILES/known.toml, other.toml"
    assert str(tmp_path) not in str(published.comparisons)


def test_the_configuration_above_the_folder_is_no_path(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text("")
    run = msgspec.structs.replace(results(), environment={CONFIGURATION_KEY: str(file)})
    published = publish(run, private_names(run))
    assert published.environment[CONFIGURATION_KEY] == "FILES/pyproject.toml"


@pytest.mark.parametrize("name", registry.outputs())
def test_no_output_has_them(name: str) -> None:
    shown = readable(registry.outputs()[name].render(publish(results(), PRIVATE)))
    assert "corp.example" not in shown
    assert "/home/" not in shown


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("http://app.corp.example:8000/x", "app.corp.example"),
        ("http://[2001:db8::7]:8000", "2001:db8::7"),
        ("http://127.0.0.1:8000", ""),
        ("http://[::1]:8000", ""),
        ("http://localhost:8000", ""),
        ("unix:/run/app.sock", ""),
        ("", ""),
    ],
)
def test_the_host_of_a_remote_server_is_private(target: str, host: str) -> None:
    run = msgspec.structs.replace(results(), environment={"target": target})
    assert [path for path, text in private_names(run).paths.items() if text == "HOST"] == [host] * bool(host)
    if host:
        published = publish(results(server=target), PrivateNames({host: "HOST"}, {}))
        assert list(published.servers) == [target.replace(host, "HOST")]


def test_evidence_in_a_journal_is_changed_when_it_is_read(tmp_path: Path) -> None:
    """It is not in memory: only its place is."""
    with journal.Journal.open(tmp_path / "run") as book:
        run = results()
        book.write(journal.StartLine(SCHEMA, {}, run.cases, {}))
        for info in run.servers.values():
            book.write(journal.ServerLine(info))
        book.write(journal.CheckLine(run.conformance[0]))
    read = journal.read(tmp_path / "run")
    assert isinstance(read.conformance[0].evidence, StoredEvidence)
    (cell,) = publish(read, PRIVATE).conformance
    assert (cell.evidence.log, cell.evidence.process) == (SHORT, (SHORT,))
    assert read.conformance[0].evidence.log == EVERYWHERE
    for name in ("json", "html"):
        shown = readable(registry.outputs()[name].render(publish(read, PRIVATE)))
        assert "corp.example" not in shown
        assert "USER@HOST" in shown


def test_the_machines_of_a_cluster_are_private() -> None:
    health = GeneratorHealth(True, workers=(WorkerHealth("worker tcp://10.0.0.2:4321 on node-seven", True),))
    conditions = {"runs on": "worker last on node-eight", "address": "10.0.0.3:8000"}
    load = ScenarioResult("waitress", "capacity", Grade.MEASURED, generator=health, conditions=conditions)
    run = msgspec.structs.replace(
        results(), environment={**results().environment, "cluster": "tls://dask.example:8786"}, load=(load,)
    )
    found = private_names(run).names
    assert {"node-seven", "node-eight", "10.0.0.2", "10.0.0.3", "dask.example"} <= found.keys()
    local = msgspec.structs.replace(run, environment={**results().environment, "cluster": "local:4"}, load=())
    assert "local" not in private_names(local).names
