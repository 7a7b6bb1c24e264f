"""Files to paste: what fits into them, and how odd paths and names are written."""

from __future__ import annotations

import ast
import re
import shlex
import signal
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError, Unsupported
from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Installation, Launch, Settings
from wsgi_gauntlet.harness.server.deployment import DeploymentFile, DeploymentSite
from wsgi_gauntlet.harness.server.deployment_command import simple_command, split_command
from wsgi_gauntlet.harness.server.deployment_files import deployment_files
from wsgi_gauntlet.harness.server.deployment_units import ServiceSignals, systemd_unit
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.static_mapping import StaticMapping

SITE = DeploymentSite(app="shop.wsgi:application", folder="/srv/shop", python="/srv/venv/bin/python")
ODD = "/srv/a 'b' \"c\" $HOME %n #; é"


class Plain(Adapter):
    """A server without files of its own."""

    name = "plain"
    title = "Plain"

    def command(self, launch: Launch) -> Command:
        address = launch.address
        return Command(
            (launch.python, "serve.py", f"--at={address.path or address.authority}x", launch.app),
            environment={"QUIET": "1 2"},
            files={"serve.py": "print(1)\n"},
            stop_signal=signal.SIGINT,
        )


class Front(Plain):
    """A proxy without files of its own."""

    name = "front"
    front = True
    count: ClassVar[int] = 1

    def upstream_count(self, settings: Settings) -> int:
        return self.count if settings.features else 1


def plan(adapter: Adapter | None = None, **other: object) -> Plan:
    made = Plan("plain", adapter or Plain(), Installation("1", "/py/bin/python"), "", Settings(), "/py/bin/python")
    return replace(made, **other)  # type: ignore[arg-type]


def named(files: tuple[DeploymentFile, ...], name: str) -> DeploymentFile:
    return next(each for each in files if each.name == name)


def unit_words(value: str) -> list[str]:
    """Split the value of ExecStart as systemd.service(5) says: quotes, backslashes, then % and $."""
    words = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', value)
    plain = [re.sub(r"\\(.)", r"\1", quoted) if quoted else bare for quoted, bare in words]
    return [word.replace("%%", "%").replace("$$", "$") for word in plain]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"app": "shop"}, "'shop' is no app: write module:callable"),
        ({"app": "shop:make(\n)"}, "is no app"),
        ({"app": "shop;rm:x"}, "is no app"),
        ({"folder": "srv"}, "the folder of the app 'srv' is no absolute path: begin it with /"),
        ({"folder": "/srv\nUser=root"}, "does not fit into configuration files: rename it"),
        ({"folder": "/srv\\"}, "does not fit"),
        ({"env_file": "secret.env"}, "the file with environment variables 'secret.env' is no absolute path"),
        ({"python_path": ("src",)}, "a folder of modules 'src'"),
        ({"static": (StaticMapping("/static", Path("public")),)}, "the folder of static files 'public'"),
        ({"name": "a b"}, "the name of the site 'a b'"),
        ({"host_names": ("example.com; }",)}, "the host name 'example.com; }'"),
        ({"host": "example.com"}, "the address 'example.com' .*: use an IP address"),
        ({"socket": "/run/a b"}, "the Unix socket '/run/a b'"),
        ({"user": "-"}, "the user '-'"),
        ({"group": "a;b"}, "the group 'a;b'"),
        ({"port": 0}, "port 0 does not exist: choose one from 1 to 65535"),
        ({"public_port": 65_536}, "port 65536 does not exist"),
        ({"root": "tmp"}, "the root folder 'tmp'"),
    ],
)
def test_a_value_that_no_file_can_hold_is_an_error_in_one_line(given: dict[str, str], message: str) -> None:
    whole = {"app": SITE.app, "folder": SITE.folder, "python": SITE.python, **given}
    with pytest.raises(ConfigurationError, match=message) as caught:
        DeploymentSite(**whole)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["static", "/", "/static/", "/a b", "/{x}", "/a/../b;", ""])
def test_static_files_need_a_plain_prefix(url: str) -> None:
    with pytest.raises(ConfigurationError, match="static files at"):
        replace(SITE, static=(StaticMapping(url, Path("/srv/static")),))


def test_a_server_without_files_has_its_measured_command() -> None:
    files = deployment_files(plan(), SITE)
    assert [each.name for each in files] == ["start-plain.sh", "serve_shop.py", "shop.service", "Procfile"]
    main = files[0]
    assert main.start == "QUIET='1 2' /srv/venv/bin/python serve_shop.py --at=0.0.0.0:8000x shop.wsgi:application"
    assert main.text.endswith(
        "cd /srv/shop || exit 1\nexport QUIET='1 2'\n"
        "exec /srv/venv/bin/python serve_shop.py \\\n    --at=0.0.0.0:8000x \\\n    shop.wsgi:application\n"
    )
    assert files[1] == DeploymentFile("serve_shop.py", "print(1)\n", "/srv/shop/serve_shop.py")
    web = "web: QUIET='1 2' python serve_shop.py --at=0.0.0.0:${PORT}x shop.wsgi:application\n"
    assert named(files, "Procfile").text == web


def test_the_unit_has_the_command_word_by_word_and_the_signals() -> None:
    site = replace(SITE, folder=ODD, env_file=f"{ODD}/env", python_path=(f"{ODD}/src",))
    start = simple_command(["/srv/venv/bin/python", "-m", "x", ODD, "{}", "a;b", ""], {"PYTHONPATH": ODD})
    unit = systemd_unit("plain", site, start, ServiceSignals(signal.SIGQUIT, signal.SIGHUP), socket=True)
    values = dict(line.split("=", 1) for line in unit.text.splitlines() if "=" in line and not line.startswith("#"))
    assert unit_words(values["ExecStart"]) == split_command(start)[1]
    assert unit_words(values["Environment"]) == [f"PYTHONPATH={ODD}"]
    assert values["WorkingDirectory"].replace("%%", "%") == ODD
    assert values["EnvironmentFile"].replace("%%", "%") == f"{ODD}/env"
    assert (values["KillSignal"], values["ExecReload"]) == ("SIGQUIT", "/bin/kill -s HUP $MAINPID")
    assert (values["User"], values["Group"], values["RuntimeDirectory"]) == ("www-data", "www-data", "shop")
    assert unit.install_path == "/etc/systemd/system/shop.service"


def test_without_a_reload_signal_the_unit_has_no_reload() -> None:
    unit = systemd_unit("plain", SITE, "/bin/x", ServiceSignals(signal.SIGTERM, None), socket=False)
    assert "ExecReload" not in unit.text
    assert "RuntimeDirectory" not in unit.text
    assert "EnvironmentFile" not in unit.text


def test_variables_and_words_survive_a_shell() -> None:
    command = simple_command([ODD, "a=b", "x"], {"NAME": ODD})
    assert split_command(command) == ({"NAME": ODD}, [ODD, "a=b", "x"])
    assert shlex.split(command)[0] == f"NAME={ODD}"


def test_a_factory_becomes_a_module_that_calls_it() -> None:
    site = replace(SITE, app='my.shop:create_app("prod", debug=False)', name="big-shop")
    files = deployment_files(plan(), site)
    entry = files[0]
    assert entry.install_path == "/srv/shop/serve_big_shop_app.py"
    assignment = ast.parse(entry.text).body[-1]
    assert ast.unparse(assignment) == "application = my.shop.create_app('prod', debug=False)"
    assert files[1].start.endswith(" serve_big_shop_app:application")
    assert named(files, "big-shop.service").install_path == "/etc/systemd/system/big-shop.service"


@pytest.mark.parametrize(
    ("app", "assigned"),
    [("my.shop:app.wsgi_app", "my.shop.app.wsgi_app"), ("my.shop:App.make()", "my.shop.App.make()")],
)
def test_an_attribute_of_an_object_becomes_the_app_of_a_module(app: str, assigned: str) -> None:
    entry, main, *_ = deployment_files(plan(), replace(SITE, app=app))
    assert ast.unparse(ast.parse(entry.text)) == f"import my.shop\napplication = {assigned}"
    assert ("calls" in entry.text) == app.endswith("()")
    assert main.start.endswith(" serve_my_app:application")
    assert named(deployment_files(plan(), replace(SITE, app=app)), "my.service")


@pytest.mark.parametrize(
    ("app", "service", "start"),
    [
        ("my-shop:app", "my-shop", "my-shop:app"),
        ("_shop.wsgi:app", "shop", "_shop.wsgi:app"),
        ("café:app", "caf", "'café:app'"),
        ("é:app", "app", "'é:app'"),
        ("2048:app", "2048", "2048:app"),
    ],
)
def test_every_module_has_a_service_with_a_plain_name(app: str, service: str, start: str) -> None:
    files = deployment_files(plan(), replace(SITE, app=app))
    assert named(files, f"{service}.service").install_path == f"/etc/systemd/system/{service}.service"
    assert files[0].start.endswith(f" {start}")


def test_the_factory_of_a_module_that_no_import_statement_can_name_is_called() -> None:
    entry = deployment_files(plan(), replace(SITE, app="my-shop:create_app('prod')"))[0]
    assert entry.install_path == "/srv/shop/serve_my_shop_app.py"
    assert ast.unparse(ast.parse(entry.text)) == (
        "import importlib\napplication = importlib.import_module('my-shop').create_app('prod')"
    )


def test_the_name_of_a_program_alone_becomes_its_path() -> None:
    class Named(Plain):
        def command(self, launch: Launch) -> Command:
            return Command(("tool", "--run", "tool", launch.app))

    for measured, here in (("/py/bin/tool", "/srv/venv/bin/tool"), ("/usr/bin/tool", "/usr/bin/tool")):
        start = deployment_files(plan(Named(), found=Installation("1", measured)), SITE)[0].start
        assert start == f"PYTHONPATH=/srv/shop {here} --run tool shop.wsgi:application"


def test_a_server_behind_a_proxy_is_reached_on_this_machine_alone() -> None:
    front = plan(Front(), name="front+plain", upstream=plan())
    files = deployment_files(front, replace(SITE, host="::", public_port=8080))
    names = [each.name for each in files]
    assert "Procfile" not in names
    assert "--at=127.0.0.1:8000x" in named(files, "start-plain.sh").start
    assert "--at=[::]:8080x" in named(files, "start-front.sh").start


def test_a_program_beside_the_measured_interpreter_is_one_beside_that_of_the_site() -> None:
    class Program(Plain):
        def command(self, launch: Launch) -> Command:
            return Command((launch.executable, launch.app))

    found = Installation("1", "/py/bin/tool")
    start = deployment_files(plan(Program(), found=found), SITE)[0].start
    assert start == "PYTHONPATH=/srv/shop /srv/venv/bin/tool shop.wsgi:application"
    start = deployment_files(plan(Program(), found=Installation("1", "/usr/bin/tool")), SITE)[0].start
    assert start == "PYTHONPATH=/srv/shop /usr/bin/tool shop.wsgi:application"


def test_what_files_cannot_do_is_said() -> None:
    with pytest.raises(Unsupported, match=r"ran with your file /x/own.conf: use that file"):
        deployment_files(plan(config=Path("/x/own.conf")), SITE)
    several = type("Several", (Front,), {"count": 2})()
    twice = plan(several, upstream=plan(), settings=Settings(features=frozenset({"balanced"})))
    with pytest.raises(Unsupported, match="several servers behind its proxy"):
        deployment_files(twice, SITE)


def test_a_unix_socket_needs_no_port() -> None:
    files = deployment_files(plan(unix=True), SITE)
    assert "--at=/run/shop/shop.sockx" in files[0].start
    assert "Procfile" not in [each.name for each in files]
    assert "RuntimeDirectory=shop" in named(files, "shop.service").text


def test_root_is_put_before_the_folders_of_the_system() -> None:
    site = replace(SITE, root="/image")
    assert site.socket_path == "/image/run/shop/shop.sock"
    assert named(deployment_files(plan(), site), "shop.service").install_path.startswith("/image/etc/")
    assert site.relative("/srv/shop") == "."
    assert site.relative("/srv/shop/src") == "src"
    assert site.relative("/srv/shopping") == "/srv/shopping"
