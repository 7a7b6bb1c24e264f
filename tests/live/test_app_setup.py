"""The user app as its team runs it: variables, commands, fresh copies, static files, an environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import trio

from wsgi_gauntlet.harness import session
from wsgi_gauntlet.harness.config import Configuration
from wsgi_gauntlet.harness.errors import EXIT_FAILED, EXIT_INVALID, ConfigurationError, NotInstalled, ServerDidNotStart
from wsgi_gauntlet.harness.events import Event, Message
from wsgi_gauntlet.harness.http.http_connection import HttpConnection
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.harness.server import instance, planning
from wsgi_gauntlet.harness.server.app_setup import AppSetupOptions
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.user_app import plan_with_control_paths

from ..helpers.journal_text import journal_text
from ..helpers.preloaded_program import run_preloaded
from ..helpers.requirements import installed

pytestmark = pytest.mark.live

SHOP = """
import os
import sqlite3

import shop.settings

def create_app(mode="live", *, debug=True):
    def app(environ, start_response):
        with sqlite3.connect("shop.sqlite") as database:
            database.execute("insert into visits default values")
            (count,) = database.execute("select count(*) from visits").fetchone()
        if environ["PATH_INFO"] == "/":
            count = "always"
        body = f"{mode} {debug} {os.environ['SHOP_NAME']} visit {count} {environ['PATH_INFO']}".encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]
    return app
"""
MIGRATE = """
import os, sqlite3
import shop.settings
with sqlite3.connect("shop.sqlite") as database:
    database.execute("create table if not exists visits (id integer primary key)")
    database.execute("insert into visits default values")
os.makedirs("made/shop", exist_ok=True)
open("made/shop/style.css", "w").write("body {}")
print("migrated with", os.environ["SHOP_NAME"])
"""
UPLOAD = """
def app(environ, start_response):
    body = b"%d" % len(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
APP = 'shop:create_app("prod", debug=False)'


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with TemporaryDirectory(prefix="g-") as name:
        project = Path(name).resolve() / "project"
        (project / "src" / "shop").mkdir(parents=True)
        (project / "src" / "shop" / "__init__.py").write_text(SHOP)
        (project / "src" / "shop" / "settings.py").write_text("")
        (project / "migrate.py").write_text(MIGRATE)
        (project / ".env").write_text("export SHOP_NAME='corner shop'\nPORT=1\n")
        monkeypatch.chdir(project)
        yield project


SETUP = AppSetupOptions(env_file=Path(".env"), before="python3 migrate.py", fresh_copy=Path(), static=("/static=made",))


def planned(server: str, setup: AppSetupOptions = SETUP, app: str = APP, python: str = sys.executable) -> Plan:
    installed(planning.plan(server, python=python))
    call = session.RunOptions(servers=(server,), app=app, app_setup=setup, python=python)
    (plan,) = session.plan_servers(call, Configuration())
    return plan_with_control_paths(plan)


async def planned_in_thread(*arguments: Any, **named: Any) -> Plan:
    """Plan as the commands do, outside of the event loop of the test."""
    return await trio.to_thread.run_sync(partial(planned, *arguments, **named))


async def get(server: instance.ServerInstance, path: str) -> Response:
    link = await HttpConnection.open(server.address)
    try:
        return await link.send_request(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    finally:
        link.close()


@pytest.mark.parametrize("server", ["waitress", "gunicorn:gthread", "uwsgi", "nginx+gunicorn", "apache+waitress"])
async def test_each_instance_has_a_fresh_copy(folder: Path, tmp_path: Path, server: str) -> None:
    plan = await planned_in_thread(server)
    for _ in range(2):
        async with instance.running(plan, scratch=tmp_path, logs=tmp_path, observe=False) as running:
            assert (await get(running, "/x")).body == b"prod False corner shop visit 2 /x"
            assert (await get(running, "/x")).body == b"prod False corner shop visit 3 /x"
            assert running.conditions["variables of the env file"] == "SHOP_NAME"
            assert "corner shop" not in str((running.conditions, running.command_line, running.plan))
    assert set(os.listdir(folder)) == {"src", "migrate.py", ".env"}  # noqa: PTH208 - a test may block


SENDS_FILES = ["nginx+waitress", "nginx:unix+gunicorn", "nginx+uwsgi", "apache+waitress", "lighttpd+waitress",
               "caddy+waitress", "uwsgi", "uwsgi:http", "mod_wsgi"]  # fmt: skip


@pytest.mark.parametrize("server", SENDS_FILES)
@pytest.mark.usefixtures("folder")
async def test_files_of_the_copy_are_sent_without_the_app(tmp_path: Path, server: str) -> None:
    plan = await planned_in_thread(server)
    async with instance.running(plan, scratch=tmp_path, logs=tmp_path, observe=False) as running:
        found = await get(running, "/static/shop/style.css")
        assert (found.status, found.body) == (200, b"body {}"), running.log_since(0)
        assert (found.header("content-type") or b"").partition(b";")[0] == b"text/css"
        # uWSGI passes a request for a missing file to the app, as its documentation of --static-map says.
        assert (await get(running, "/static/shop/none.css")).status == (200 if server.startswith("uwsgi") else 404)
        assert b"visit" in (await get(running, "/staticfiles")).body
        assert running.conditions["static files"] == f"/static by {server.partition('+')[0].partition(':')[0]}"


async def test_files_and_modules_of_the_users_environment_are_used_in_its_place(folder: Path, tmp_path: Path) -> None:
    packages = folder / ".venv" / "lib"
    (packages / "admin").mkdir(parents=True)
    (folder / ".venv" / "pyvenv.cfg").write_text("")
    (packages / "admin" / "style.css").write_text("of the package")
    (packages / "shop_helper.py").write_text("")
    (folder / "src" / "shop" / "settings.py").write_text("import shop_helper\n")
    (folder / ".env").write_text("SHOP_NAME='corner shop'\nPYTHONPATH=.venv/lib\n")
    static = ("/static/admin=.venv/lib/admin", "/static=made")
    plan = await planned_in_thread("nginx+waitress", replace(SETUP, static=static))
    async with instance.running(plan, scratch=tmp_path, logs=tmp_path, observe=False) as running:
        assert (await get(running, "/static/admin/style.css")).body == b"of the package", running.log_since(0)
        assert (await get(running, "/static/shop/style.css")).body == b"body {}"
        assert b"visit" in (await get(running, "/x")).body


@pytest.mark.parametrize("server", ["waitress", "haproxy+waitress"])
@pytest.mark.usefixtures("folder")
async def test_where_no_server_sends_files_the_app_gets_the_requests(tmp_path: Path, server: str) -> None:
    plan = await planned_in_thread(server)
    async with instance.running(plan, scratch=tmp_path, logs=tmp_path, observe=False) as running:
        assert (await get(running, "/static/shop/style.css")).body.endswith(b"/static/shop/style.css")
        assert running.conditions["static files"] == "/static by the app"


@pytest.mark.parametrize("front", ["nginx", "nginx:unix", "apache", "lighttpd", "haproxy", "caddy"])
async def test_a_proxy_lets_large_uploads_reach_the_app(folder: Path, tmp_path: Path, front: str) -> None:
    (folder / "upload.py").write_text(UPLOAD)
    plan = await planned_in_thread(f"{front}+waitress", AppSetupOptions(fresh_copy=Path()), "upload:app")
    size = 20 << 20
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
    async with instance.running(plan, scratch=tmp_path, logs=tmp_path, observe=False) as running:
        link = await HttpConnection.open(running.address)
        try:
            response = await link.send_request(head.encode() + bytes(size))
        finally:
            link.close()
        assert (response.status, response.body) == (200, b"%d" % size), running.log_since(0)


@pytest.mark.usefixtures("folder")
def test_the_run_says_so() -> None:
    installed(planning.plan("waitress"))
    events: list[Event] = []
    call = session.RunOptions(servers=("waitress",), app=APP, app_setup=SETUP)
    session.plan_servers(call, Configuration(), events.append)
    texts = [each.text for each in events if isinstance(each, Message)]
    assert "left out of the env file, because they configure servers: PORT" in texts
    assert "waitress sends no files by itself: requests below /static reach the app" in texts


def environment_with(place: Path, *distributions: str) -> Path:
    """Make an environment that has nothing but `distributions`, and return its interpreter."""
    venv.create(place, with_pip=False, symlinks=True)
    python = place / "bin" / "python"
    query = "import sysconfig; print(sysconfig.get_path('purelib'))"
    target = Path(subprocess.run([python, "-c", query], capture_output=True, text=True, check=True).stdout.strip())
    source = Path(sysconfig.get_path("purelib"))
    for name in distributions:
        for file in metadata.files(name) or []:
            if ".." not in file.parts and "__pycache__" not in file.parts:
                (target / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source / file, target / file)
    return python


async def test_an_environment_with_the_server_alone(folder: Path, tmp_path: Path) -> None:
    installed(planning.plan("waitress"))
    python = environment_with(tmp_path / "env", "waitress")
    (folder / "migrate.py").write_text(f"{MIGRATE}\nimport sys\nassert sys.prefix == {str(tmp_path / 'env')!r}\n")
    plan = await planned_in_thread("waitress", python=str(python))
    async with instance.running(plan, scratch=tmp_path, logs=tmp_path, observe=False) as running:
        assert (await get(running, "/x")).body == b"prod False corner shop visit 2 /x"


@pytest.mark.usefixtures("folder")
def test_an_environment_without_the_server_says_how_to_install_it(tmp_path: Path) -> None:
    python = environment_with(tmp_path / "env")
    call = session.RunOptions(servers=("waitress",), app=APP, app_setup=SETUP, python=str(python))
    with pytest.raises(NotInstalled, match=rf"get it with: {python} -m pip install waitress"):
        session.plan_servers(call, Configuration())


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("echo 1; echo; echo 2 >&2; exit 3", "--before 'echo 1; echo; echo 2 >&2; exit 3' failed with exit code 3: 1 "),
        ("no-such-program", "failed with exit code 127: "),
        ("exit 1", "failed with exit code 1: it printed nothing"),
        ("kill -9 $$", "failed with signal SIGKILL"),
        ("echo in $SHOP_NAME; exit 1", "failed with exit code 1: in (value of SHOP_NAME)"),
        ("cat corner shop", "--before 'cat (value of SHOP_NAME)' failed with exit code 1: cat: "),
        ("mkdir made; rm -r src", "does not import"),
        ("mkdir made; echo 'raise LookupError' > src/shop/settings.py",
         "project/src/shop/__init__.py, line 5: import shop.settings | "),
        ("true", "--static /static: --before did not make the folder"),
    ],
)  # fmt: skip
def test_a_command_that_fails_is_one_line_before_anything_starts(folder: Path, command: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        planned("waitress", replace(SETUP, before=command))
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
    assert (folder / "src").exists()


@pytest.mark.usefixtures("folder")
def test_the_command_after_runs_also_if_the_app_is_wrong(tmp_path: Path) -> None:
    after = f"echo $SHOP_NAME >> {tmp_path}/after"
    planned("waitress", replace(SETUP, after=after))
    assert (tmp_path / "after").read_text() == "corner shop\n"
    for wrong in (
        replace(SETUP, before="exit 1", after=after),
        replace(SETUP, before="rm -r src", static=(), after=after),
    ):
        with pytest.raises(ConfigurationError):
            planned("waitress", wrong)
    assert (tmp_path / "after").read_text() == "corner shop\n" * 3
    with pytest.raises(ConfigurationError, match="--after 'exit 4' failed with exit code 4"):
        planned("waitress", replace(SETUP, after="exit 4"))


@pytest.mark.usefixtures("folder")
async def test_the_command_after_runs_when_the_server_has_stopped(tmp_path: Path) -> None:
    plan = await planned_in_thread("waitress", replace(SETUP, after=f"echo done >> {tmp_path}/after"))
    (tmp_path / "after").unlink()
    async with instance.running(plan, scratch=tmp_path, logs=tmp_path, observe=False):
        assert not (tmp_path / "after").exists()
    assert (tmp_path / "after").read_text() == "done\n"
    with pytest.raises(LookupError):
        async with instance.running(plan, scratch=tmp_path, logs=tmp_path, observe=False):
            raise LookupError
    assert (tmp_path / "after").read_text() == "done\ndone\n"


@pytest.mark.usefixtures("folder")
async def test_a_command_that_fails_later_is_an_error_of_the_start(tmp_path: Path) -> None:
    plan = await planned_in_thread(
        "waitress", replace(SETUP, before=f"python migrate.py && test ! -e {tmp_path}/later")
    )
    (tmp_path / "later").write_text("")
    with pytest.raises(
        ServerDidNotStart, match=r"waitress: --before '.*' failed with exit code 1: migrated with \(value"
    ):
        async with instance.running(plan, scratch=tmp_path, logs=tmp_path, observe=False):
            raise AssertionError("it must not start")


async def test_without_a_copy_commands_and_app_run_in_the_users_folder(folder: Path, tmp_path: Path) -> None:
    setup = AppSetupOptions(env_file=Path(".env"), before="python migrate.py", after="rm -r shop.sqlite made")
    plan = await planned_in_thread("waitress", setup)
    assert not (folder / "shop.sqlite").exists()
    async with instance.running(plan, scratch=tmp_path, logs=tmp_path, observe=False) as running:
        assert (await get(running, "/x")).body == b"prod False corner shop visit 2 /x"
        assert (folder / "shop.sqlite").exists()
    assert not (folder / "shop.sqlite").exists()


def program(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run_preloaded(words, folder, os.environ)


def test_a_load_of_it_shows_no_value_of_the_env_file(folder: Path) -> None:
    """The app prints its variable: the log is the app's own, and no other output has it."""
    installed(planning.plan("waitress"))
    (folder / "src" / "shop" / "settings.py").write_text("import os\nprint('I am', os.environ['SHOP_NAME'])\n")
    (folder / "pyproject.toml").write_text(
        '[tool.wsgi-gauntlet.app]\nenv-file = ".env"\nfresh-copy = "."\nbefore = "python migrate.py # corner shop"\n'
    )
    options = ("--set", "clients=2", "--duration", "0.5", "--scenario", "throughput", "--app-dir", "src",
               "--after", "echo corner shop")  # fmt: skip
    done = program(folder, "load", "waitress", "--app", APP, *options)
    assert done.returncode in (0, EXIT_FAILED, EXIT_INVALID), done.stderr
    assert "corner shop" not in done.stdout + done.stderr
    outputs = [each for each in (folder / "gauntlet-out").iterdir() if each.is_file()]
    assert outputs
    assert not [each for each in outputs if b"corner shop" in each.read_bytes()]
    assert "corner shop" not in journal_text(folder / "gauntlet-out")
    assert "fresh copy of" in journal_text(folder / "gauntlet-out")


@pytest.mark.parametrize("command", ["load", "check", "run", "compare"])
def test_the_options_require_an_app(folder: Path, command: str) -> None:
    servers = ("waitress", "waitress") if command == "compare" else ("waitress",)
    done = program(folder, command, *servers, "--before", "true")
    assert done.returncode == 2
    assert done.stderr == "wsgi-gauntlet: --before requires --app: name your app, as --app shop.wsgi:application\n"
