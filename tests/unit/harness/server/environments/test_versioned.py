"""Environments for versions: made once, found again, made anew after an abort, and refused in one line."""

from __future__ import annotations

import site
import subprocess
import sys
import threading
import venv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from wsgi_gauntlet.harness.cli.commands.history import history_exit_code
from wsgi_gauntlet.harness.cli.main import cli
from wsgi_gauntlet.harness.errors import EnvironmentUnavailable, NotInstalled
from wsgi_gauntlet.harness.events import Event, Message, ignore_event
from wsgi_gauntlet.harness.model import SCHEMA, CaseResult, Level, Results, Verdict
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.adapter import Installation
from wsgi_gauntlet.harness.server.environments import versioned
from wsgi_gauntlet.harness.server.environments.cache import FileLock
from wsgi_gauntlet.harness.server.environments.installer import install
from wsgi_gauntlet.harness.server.environments.versioned import (
    EnvironmentSpec,
    clear_environments,
    ensure_environments,
    environment_for,
    list_environments,
    made,
)
from wsgi_gauntlet.servers.nginx import Nginx

from .....helpers.wheel_index import TinyServer, tiny_server_installed

pytestmark = pytest.mark.slow


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with tiny_server_installed(tmp_path, monkeypatch):
        yield


@pytest.mark.usefixtures("tiny")
def test_it_is_made_once_and_has_that_version() -> None:
    events: list[Event] = []
    first = ensure_environments(planning.plan("tiny@2.0"), events.append)
    assert (first.found.version, first.found.available) == ("2.0", True)
    assert first.python != sys.executable
    assert first.interpreter == first.python
    assert (
        ensure_environments(planning.plan("tiny:plain@2"), events.append).python
        == ensure_environments(planning.plan("tiny@2"), events.append).python
    )
    assert [each.text for each in events if isinstance(each, Message) and "making" in each.text] == [
        "tiny@2.0: making an environment with tinyserver 2.0; the next run has it",
        "tiny:plain@2: making an environment with tinyserver 2; the next run has it",
    ]
    assert len(list_environments()) == 2
    assert all(each.stamp is not None and each.size > 0 for each in list_environments())
    with_pip = subprocess.run([first.python, "-c", "import pkg_resources, tinyserver"], check=False)
    assert with_pip.returncode == 0


@pytest.fixture(params=["editable", "folder", "repository"])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An interpreter in which tinyserver 1.0 is a working tree, as PEP 610 says it."""
    venv.create(tmp_path / "theirs", with_pip=False)
    known = next((tmp_path / "theirs").rglob("site-packages")) / "tinyserver-1.0.dist-info"
    known.mkdir()
    (known / "METADATA").write_text("Metadata-Version: 2.1\nName: tinyserver\nVersion: 1.0\n")
    about = {
        "editable": '{"url": "file:///home/me/tiny", "dir_info": {"editable": true}}',
        "folder": '{"url": "file:///home/me/tiny", "dir_info": {}}',
        "repository": '{"url": "https://example.org/tiny", "vcs_info": {"vcs": "git", "commit_id": "1"}}',
    }
    (known / "direct_url.json").write_text(about[request.param])
    return str(tmp_path / "theirs" / "bin" / "python")


@pytest.mark.usefixtures("tiny")
def test_a_working_tree_is_not_the_release_of_its_number(tree: str) -> None:
    assert planning.plan("tiny", python=tree).found.available
    plan = planning.plan("tiny@1.0", python=tree)
    assert "which may differ from that release" in plan.found.why
    made_for = ensure_environments(plan, ignore_event)
    assert made_for.found.available
    assert made_for.python != tree


@pytest.mark.parametrize("index", ["", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"])
@pytest.mark.usefixtures("tiny")
def test_a_package_of_that_name_on_the_public_index_may_be_a_strangers(
    tree: str, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CONFIG_FILE"):
        monkeypatch.delenv(name)
    if index:  # the public one is asked as well, or this is a mirror of it
        monkeypatch.setenv(index, "file:///nowhere")
    with pytest.raises(EnvironmentUnavailable, match="may be another project; leave the @ out") as raised:
        ensure_environments(planning.plan("tiny@1.0", python=tree), ignore_event)
    assert "\n" not in str(raised.value)
    result = CliRunner().invoke(cli, ["history", "tiny", "--python", tree])
    assert "tiny has no history here" in str(result.exception)


@pytest.mark.usefixtures("tiny")
def test_what_a_variant_needs_is_beside_it_and_only_then() -> None:
    assert environment_for(planning.plan("tiny@1.0")).requirements == ["tinyserver==1.0", "setuptools<81"]
    helped = planning.plan("tiny:helped@1.0")
    assert environment_for(helped).requirements == ["tinyserver==1.0", "companion", "setuptools<81"]
    assert ensure_environments(helped, ignore_event).found.available


@pytest.mark.usefixtures("tiny")
def test_one_whose_making_was_cut_short_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = EnvironmentSpec(sys.executable, "tinyserver", "2.0")

    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(versioned, "install", interrupted)
        with pytest.raises(KeyboardInterrupt):
            made(wanted, "tiny", ignore_event)
    assert list_environments() == []
    python = made(wanted, "tiny", ignore_event)
    (kept,) = list_environments()
    Path(kept.path, versioned.STAMP_FILE).unlink()
    assert list_environments()[0].stamp is None
    again = made(wanted, "tiny", ignore_event)
    assert again != python
    assert again.exists()
    assert not python.exists()


@pytest.mark.usefixtures("tiny")
def test_two_runs_make_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with a lock of its own, as two processes have them."""
    makings: list[str] = []
    both = threading.Barrier(2, timeout=60)

    def counting(*given: object) -> str:
        makings.append("made")
        return install(*given)  # type: ignore[arg-type]

    class OwnLocks(dict[Path, object]):
        def setdefault(self, _key: Path, default: object = None) -> object:
            self[Path(str(len(self)))] = default
            return default

    monkeypatch.setattr(versioned, "install", counting)
    monkeypatch.setattr(versioned, "_held_locks", OwnLocks())
    found: list[Path] = []

    def run() -> None:
        both.wait()
        found.append(made(EnvironmentSpec(sys.executable, "tinyserver", "1.0"), "tiny", ignore_event))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert not any(each.is_alive() for each in threads)
    assert makings == ["made"]
    assert (len(found), len(set(found))) == (2, 1)


@pytest.mark.usefixtures("tiny")
def test_another_run_that_makes_it_first_and_goes_on_using_it_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted = EnvironmentSpec(sys.executable, "tinyserver", "1.0")
    theirs: list[Path] = []
    give_back = FileLock.release

    def overtaken(lock: FileLock) -> None:
        give_back(lock)
        if not theirs:  # between our look and our taking the lock alone
            theirs.append(Path())
            own = dict(versioned._held_locks)
            versioned._held_locks.clear()
            theirs[0] = made(wanted, "theirs", ignore_event)
            held.update(versioned._held_locks)
            versioned._held_locks.clear()
            versioned._held_locks.update(own)

    held: dict[Path, FileLock] = {}
    monkeypatch.setattr(versioned, "CREATION_TIMEOUT", 60.0)
    monkeypatch.setattr(FileLock, "release", overtaken)
    assert made(wanted, "own", ignore_event) == theirs[0]
    for lock in held.values():
        give_back(lock)


@pytest.mark.usefixtures("tiny")
def test_clearing_leaves_what_is_used() -> None:
    made(EnvironmentSpec(sys.executable, "tinyserver", "1.0"), "tiny", ignore_event)
    gone, used = clear_environments()
    assert (gone, len(used)) == ([], 1)
    for lock in versioned._held_locks.values():
        lock.release()
    result = CliRunner().invoke(cli, ["environments"])
    assert "tinyserver 1.0" in result.stdout
    assert "1 environment," in result.stdout
    assert '"distribution": "tinyserver"' in CliRunner().invoke(cli, ["environments", "--json"]).stdout
    assert "removed 1 environment" in CliRunner().invoke(cli, ["environments", "--clear"]).stderr
    assert list_environments() == []
    assert "no environments" in CliRunner().invoke(cli, ["environments"]).stdout
    assert "removed 0 environments" in CliRunner().invoke(cli, ["environments", "--clear"]).stderr


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("tiny@2.5", "tiny@2.5: tinyserver has no version 2.5; the nearest are 2.0 and 3.0"),
        ("tiny@4.0", "tiny@4.0: tinyserver==4.0 cannot be installed for .*nowhere-to-be-had"),
        ("wsgiref@2", "wsgiref@2: wsgiref comes with the interpreter and has its version .*--python"),
    ],
)
def test_what_cannot_be_had_is_said_in_one_line(name: str, says: str) -> None:
    plan = planning.plan(name)
    with pytest.raises(EnvironmentUnavailable, match=says) as raised:
        ensure_environments(plan, ignore_event)
    assert "\n" not in str(raised.value)
    assert raised.value.exit_code == 2
    assert list_environments() == []
    row = ensure_environments(plan, ignore_event, skip_unavailable_versions=True)
    assert not planning.server_info(row).available
    assert not row.found.why.startswith(name)


@pytest.mark.usefixtures("tiny")
def test_the_reason_is_that_of_the_server_behind_the_front(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Nginx, "find", lambda *_: Installation(version="1.31", executable="/usr/sbin/nginx"))
    row = planning.server_info(
        ensure_environments(planning.plan("nginx+tiny@4.0"), ignore_event, skip_unavailable_versions=True)
    )
    assert "nowhere-to-be-had" in row.why
    assert not row.get


@pytest.mark.usefixtures("tiny")
def test_no_environment_is_made_for_a_chain_without_its_front(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Nginx, "find", lambda *_: Installation(why="nginx is not installed", get="apt-get install nginx")
    )
    for arguments in (("check", "nginx+tiny@2.0"), ("history", "nginx+tiny")):
        result = CliRunner().invoke(cli, arguments)
        assert isinstance(result.exception, NotInstalled)
        assert "nginx is not installed; get it with: apt-get install nginx" in str(result.exception)
    assert list_environments() == []


@pytest.mark.parametrize(
    ("code", "verdicts", "ends"),
    [
        (0, [Verdict.PASS], 0),
        (1, [Verdict.FAIL], 0),
        (4, [Verdict.PASS], 0),
        (1, [Verdict.ERROR], 4),
        (0, [], 4),
        (130, [], 130),
    ],
)
def test_a_history_ends_with_an_error_where_nothing_was_checked(code: int, verdicts: list[Verdict], ends: int) -> None:
    checks = tuple(CaseResult("tiny@1.0", f"http/host/{each}", Level.MUST, (), each) for each in verdicts)
    assert history_exit_code(Results(SCHEMA, {}, {}, checks), code) == ends


@pytest.mark.usefixtures("tiny")
def test_an_environment_that_is_being_made_is_listed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was there when its folder was read may be gone a moment later."""
    made(EnvironmentSpec(sys.executable, "tinyserver", "1.0"), "tiny", ignore_event)
    (whole,) = list_environments()
    there = versioned._files
    monkeypatch.setattr(versioned, "_files", lambda place: iter([*there(place), place / "gone"]))
    assert list_environments() == [whole]


@pytest.mark.usefixtures("tiny")
def test_nothing_is_made_where_the_interpreter_has_the_version() -> None:
    there = planning.plan("werkzeug").found.version
    assert ensure_environments(planning.plan(f"werkzeug@{there}"), ignore_event).python == sys.executable
    assert ensure_environments(planning.plan("tiny"), ignore_event).python == sys.executable
    assert list_environments() == []


@pytest.mark.usefixtures("tiny")
def test_an_app_of_the_users_own_finds_what_its_interpreter_has() -> None:
    plan = replace(planning.plan("tiny@2.0"), app="shop:app")
    python = ensure_environments(plan, ignore_event).python
    program = "import trio, tinyserver; from importlib.metadata import version; print(version('tinyserver'))"
    said = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout == "2.0\n"
    editable = [each for each in site.getsitepackages() if list(Path(each).glob("*wsgi_gauntlet*.pth"))]
    assert editable, "the tests want wsgi-gauntlet installed in editable form"
    assert not subprocess.run([python, "-c", "import wsgi_gauntlet.harness"], check=False, cwd="/").returncode
    alone = ensure_environments(planning.plan("tiny@2.0"), ignore_event).python
    assert subprocess.run([alone, "-c", "import trio"], capture_output=True, check=False).returncode


@pytest.mark.usefixtures("tiny")
def test_a_version_that_the_adapter_cannot_start_is_refused_before_an_environment_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(TinyServer, "minimum_version", "3.0")
    plan = planning.plan("tiny@2.0")
    with pytest.raises(
        EnvironmentUnavailable, match=r"tiny@2\.0: wsgi-gauntlet starts tiny 3\.0 and newer; name tiny@3"
    ):
        ensure_environments(plan, ignore_event)
    assert "newer" in ensure_environments(plan, ignore_event, skip_unavailable_versions=True).found.why
    assert list_environments() == []


@pytest.mark.usefixtures("tiny")
def test_servers_that_pip_does_not_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TinyServer, "distribution", "")
    plan = planning.plan("tiny@1.0")
    with pytest.raises(EnvironmentUnavailable, match="is not installed by pip, so only the installed version"):
        environment_for(replace(plan, found=replace(plan.found, version="7")))
    monkeypatch.setattr(TinyServer, "unavailable_reason", "its maker has withdrawn it")
    with pytest.raises(EnvironmentUnavailable, match="tiny is unavailable: its maker has withdrawn it"):
        environment_for(plan)
