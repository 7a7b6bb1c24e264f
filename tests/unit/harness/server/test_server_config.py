"""Which server gets which configuration file, and what happens to a plan with one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.server import planning, server_config
from wsgi_gauntlet.harness.server.adapter import Command, Installation, Launch, Protocol
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.server_config import configs_for

HERE = Installation(version="1", executable="/bin/true")


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("site.conf", "gunicorn.conf.py", "app.ini", "a.example", "a=b.conf"):
        Path(name).write_text("server { location / { uwsgi_pass x; } }")
    return tmp_path


def plans(*names: str) -> list[Plan]:
    return [planning.plan(each) for each in names]


@pytest.mark.parametrize(
    ("servers", "given", "expected"),
    [
        (["gunicorn"], ["site.conf"], {"gunicorn": "site.conf"}),
        (["nginx+gunicorn"], ["site.conf"], {"nginx": "site.conf"}),
        (["nginx+gunicorn"], ["a.example"], {"nginx": "a.example"}),
        (["nginx+gunicorn"], ["gunicorn.conf.py"], {"gunicorn": "gunicorn.conf.py"}),
        (["nginx+uwsgi"], ["site.conf", "app.ini"], {"nginx": "site.conf", "uwsgi": "app.ini"}),
        (["nginx+gunicorn"], ["gunicorn=site.conf"], {"gunicorn": "site.conf"}),
        (["gunicorn:sync", "gunicorn:gthread", "waitress"], ["gunicorn.conf.py"], {"gunicorn": "gunicorn.conf.py"}),
        (["nginx+waitress"], ["a=b.conf"], {"nginx": "a=b.conf"}),
    ],
)
def test_a_file_goes_to_the_server_that_it_fits(
    files: Path, servers: list[str], given: list[str], expected: dict[str, str]
) -> None:
    found = configs_for(given, {}, plans(*servers))
    assert found == {name: files / file for name, file in expected.items()}


@pytest.mark.parametrize(
    ("servers", "given", "reason"),
    [
        (["waitress"], ["site.conf"], "no configuration file of waitress"),
        (["gunicorn"], ["waitress=site.conf"], "no configuration file of waitress"),
        (["gunicorn"], ["nginx=site.conf"], "this run has no nginx"),
        (["gunicorn"], ["gunicron=site.conf"], "did you mean gunicorn"),
        (["gunicorn"], ["absent.py"], "No such file"),
        (["gunicorn"], ["."], "is a folder"),
        (["gunicorn"], ["/dev/null"], "no regular file"),
        (["gunicorn"], ["gunicorn.conf.py", "gunicorn=site.conf"], "two files"),
        (["nginx+gunicorn", "lighttpd+gunicorn"], ["site.conf"], "name the server, as --config nginx=site.conf"),
    ],
)
def test_a_wrong_use_is_one_line_that_says_what_to_do(servers: list[str], given: list[str], reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        configs_for(given, {}, plans(*servers))


def test_a_command_names_its_file_itself() -> None:
    custom = planning.plan("mine", custom={"mine": "python {port} {app}"})
    with pytest.raises(ConfigurationError, match="in its command"):
        configs_for(["site.conf"], {}, [custom])


def test_the_table_is_for_servers_of_the_run_and_the_command_line_wins(files: Path) -> None:
    table = {"nginx": files / "site.conf", "uwsgi": files / "absent"}
    assert configs_for([], table, plans("nginx+gunicorn")) == {"nginx": files / "site.conf"}
    assert configs_for(["nginx=a.example"], table, plans("nginx+gunicorn")) == {"nginx": files / "a.example"}
    with pytest.raises(ConfigurationError, match="no server is named"):
        configs_for([], {"ngnx": files / "site.conf"}, plans("gunicorn"))


def test_the_file_chooses_what_the_variant_does_not(files: Path) -> None:
    configs = {"gunicorn": files / "gunicorn.conf.py", "nginx": files / "site.conf"}
    assert planning.plan("gunicorn", configs=configs).variant == ""
    assert planning.plan("gunicorn:gthread", configs=configs).variant == "gthread"
    chain = planning.plan("nginx+gunicorn", configs=configs).chain()
    assert chain is not None
    assert chain[0] is Protocol.UWSGI
    assert chain[1].config == files / "gunicorn.conf.py"
    with pytest.raises(ConfigurationError, match="leave out the variant"):
        planning.plan("nginx:tcp+uwsgi", configs=configs).chain()


@pytest.fixture
def checked(files: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Plan]:
    """Return a function that tries a configuration whose server checks it with a shell script."""
    made = replace(planning.plan("nginx+waitress", configs={"nginx": files / "site.conf"}), found=HERE)

    def check(script: str) -> Plan:
        def command(launch: Launch) -> Command:
            return Command(
                ("true",),
                files={"copy": "x"},
                check=("/bin/sh", "-c", script.replace("COPY", f"{launch.folder}/copy")),
                sources={"copy": files / "site.conf"},
            )

        monkeypatch.setattr(type(made.adapter), "command", lambda _, launch: command(launch))
        monkeypatch.setattr(type(made.adapter), "config_protocol", lambda *_: None)
        return server_config.with_overrides(made)

    return check


def test_the_message_of_the_server_names_the_users_file(checked: Callable[[str], Plan], files: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        checked('echo "warning: old" >&2; echo "unknown directive in COPY:7" >&2; echo failed; exit 1')
    assert str(raised.value).endswith(f"nginx rejects it: unknown directive in {files}/site.conf:7")
    with pytest.raises(ConfigurationError, match=r"Syntax error on line 8 of .*: Invalid command"):
        checked('echo "Syntax error on line 8 of COPY:"; echo "Invalid command"; exit 1')
    assert checked("exit 0").overrides == ()


def test_a_plan_without_a_file_stays_as_it_is() -> None:
    made = planning.plan("waitress")
    assert server_config.with_overrides(made) is made
    assert list(server_config.description(made)) == []
