"""Files to paste: each is started as a person would do it, and serves the app with the measured settings."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from wsgi_gauntlet.harness.server import adapter_registry
from wsgi_gauntlet.harness.server.adapter import Adapter, Settings
from wsgi_gauntlet.harness.server.deployment import DeploymentFile, DeploymentSite
from wsgi_gauntlet.harness.server.deployment_command import split_command
from wsgi_gauntlet.harness.server.deployment_files import deployment_files
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.ports import leased_port
from wsgi_gauntlet.servers._support import apache_configuration

from ..helpers import deployed_servers
from ..helpers.processes import command_lines
from ..helpers.requirements import installed_plan

pytestmark = pytest.mark.live

Sites = Callable[..., DeploymentSite]


@pytest.fixture
def sites(folder: Path) -> Iterator[Sites]:
    """Return a maker of a site with free ports."""
    with leased_port() as port, leased_port() as public_port, TemporaryDirectory(prefix="system-") as root:
        Path(root).chmod(0o755)
        yield lambda plan, **other: deployed_servers.make_site(
            folder, Path(root), port, public_port, python=plan.app_plan.python, **other
        )


def named(files: tuple[DeploymentFile, ...], name: str) -> DeploymentFile:
    return next(each for each in files if each.name == name)


def service_command(files: tuple[DeploymentFile, ...]) -> str:
    """Return the command of the server with the app: the first file that has one."""
    return next(each.start for each in files if each.start)


def assert_serves(plan: Plan, site: DeploymentSite) -> None:
    """Install the files of `site`, start its service, and require that it sends the page of the app."""
    files = deployment_files(plan, site)
    deployed_servers.install(files)
    with deployed_servers.running(["/bin/sh", "-c", f"exec env {service_command(files)}"], site):
        assert deployed_servers.request(site, site.port, "/page")[0] == 200


@pytest.mark.parametrize(
    ("name", "processes", "requests_each"),
    [
        ("gunicorn:sync[workers=3]", 3, 1),
        ("gunicorn:gthread[workers=2,threads=3]", 2, 3),
        ("gunicorn:asgi[workers=2,threads=3]", 2, 3),
        ("uwsgi[workers=2,threads=3]", 2, 3),
        ("uwsgi:http[workers=2,keep-alive=5]", 2, 1),
        ("waitress[threads=5]", 1, 5),
        ("granian[workers=2,threads=2]", 2, 2),
        ("uvicorn:a2wsgi[workers=2,threads=2]", 2, 2),
        ("uvicorn:wsgi", 1, 10),
        ("cheroot[threads=4]", 1, 4),
        ("bjoern", 1, 1),
    ],
)
def test_a_server_serves_the_app_with_the_measured_settings(
    name: str, processes: int, requests_each: int, sites: Sites
) -> None:
    plan = installed_plan(name)
    site = sites(plan)
    files = deployment_files(plan, site)
    deployed_servers.install(files)
    with deployed_servers.running(["/bin/sh", "-c", f"exec env {service_command(files)}"], site):
        status, body = deployed_servers.request(site, site.port, "/page")
        assert (status, body) == (200, f"the app at /page in {site.folder} for shop.example")
        found = deployed_servers.meeting(site, site.port, processes * requests_each)
    assert sorted(found.values()) == [requests_each] * processes


@pytest.mark.parametrize("name", ["gunicorn:gevent[workers=1]", "uwsgi:gevent"])
def test_greenlets_serve_many_requests_in_one_process(name: str, sites: Sites) -> None:
    plan = installed_plan(name)
    site = sites(plan)
    files = deployment_files(plan, site)
    deployed_servers.install(files)
    with deployed_servers.running(["/bin/sh", "-c", f"exec env {service_command(files)}"], site):
        assert deployed_servers.request(site, site.port, "/page")[0] == 200
        found = deployed_servers.meeting(site, site.port, 20)
    assert len(found) == 1
    assert found.total() >= 20


@pytest.mark.parametrize("name", ["gunicorn:gthread", "uwsgi", "waitress", "cheroot", "bjoern"])
def test_an_attribute_of_an_object_is_served(name: str, sites: Sites) -> None:
    plan = installed_plan(name)
    site = sites(plan, app="shop:application.wsgi_app")
    assert_serves(plan, site)


@pytest.mark.parametrize("name", ["gunicorn:gthread", "uwsgi", "waitress", "cheroot"])
def test_the_first_folder_with_a_module_wins(name: str, sites: Sites) -> None:
    plan = installed_plan(name)
    site = sites(plan, app="entry:application")
    first, second = Path(site.folder) / "first", Path(site.folder) / "second"
    for each in (first, second):
        each.mkdir()
        (each / "shop.py").write_text("raise LookupError('the folder of the app comes first')\n")
    (first / "entry.py").write_text("from shop import application\n")
    (second / "entry.py").write_text("raise LookupError('this folder comes last')\n")
    site = replace(site, python_path=(str(first), str(second)))
    assert_serves(plan, site)


@pytest.mark.parametrize("name", ["gunicorn:gthread[threads=2]", "uwsgi", "waitress", "cheroot"])
def test_a_procfile_serves_on_the_port_of_the_platform(name: str, sites: Sites) -> None:
    plan = installed_plan(name)
    site = sites(plan, app="shop:create_app('prod', debug=False)")
    files = deployment_files(plan, site)
    deployed_servers.install(files)
    role, _, command = named(files, "Procfile").text.strip().partition(": ")
    assert role == "web"
    variables = {"PATH": f"{Path(site.python).parent}:/usr/bin:/bin", "PORT": str(site.public_port)}
    with deployed_servers.running(["/bin/sh", "-c", command], site, variables):
        assert deployed_servers.request(site, site.public_port, "/page")[0] == 200


@pytest.mark.parametrize("name", ["gunicorn:gthread", "nginx+uwsgi", "waitress", "bjoern"])
def test_systemd_accepts_the_unit(name: str, sites: Sites) -> None:
    plan = installed_plan(name)
    site = sites(plan)
    files = deployment_files(plan, site)
    deployed_servers.install(files)
    unit = named(files, "shop.service")
    assert split_command(service_command(files))[1][0] in unit.text
    if checker := shutil.which("systemd-analyze"):
        done = subprocess.run([checker, "verify", unit.install_path], capture_output=True, text=True, check=False)
        assert "shop.service" not in done.stderr, done.stderr
        assert done.returncode == 0


# ---------------------------------------------------------------------- proxies


def nginx(site: DeploymentSite, plan: Plan) -> list[str]:
    types = Path(site.root) / "etc/nginx/mime.types"
    types.write_text("types { text/css css; }\n")  # every package of nginx has this file
    main = f"{site.root}/etc/nginx/nginx.conf"
    subprocess.run([plan.found.executable, "-t", "-q", "-c", main, "-e", "stderr"], check=True, timeout=30)
    return [plan.found.executable, "-c", main, "-e", "stderr", "-g", "daemon off;"]


def apache(site: DeploymentSite, plan: Plan) -> list[str]:
    """Write the main file of a system, with the modules that `a2enmod` loads, and with the site."""
    start = (Path(site.root) / "start").read_text()
    modules = start.partition("a2enmod ")[2].partition(" &&")[0].split()
    loaded = "".join(
        f'<IfModule !mod_{each}.c>\nLoadModule {each}_module "{path}"\n</IfModule>\n'
        for each in ("mpm_event", "authz_core", "unixd", *modules)
        if (path := apache_configuration.module(each))
    )
    main = Path(site.root) / "etc/apache2/apache2.conf"
    main.write_text(
        f'ServerRoot "{site.root}"\nDefaultRuntimeDir "{site.root}/run"\nPidFile "{site.root}/run/apache.pid"\n'
        f'Mutex "file:{site.root}/run" default\nErrorLog /dev/stderr\nServerName localhost\n{loaded}'
        f"User {site.user}\nGroup {site.group}\n<Directory />\nRequire all denied\n</Directory>\n"
        f'Include "{site.root}/etc/apache2/sites-available/*.conf"\n'
    )
    return [plan.found.executable, "-f", str(main), "-D", "FOREGROUND"]


def caddy(site: DeploymentSite, plan: Plan) -> list[str]:
    return [plan.found.executable, "run", "--config", f"{site.root}/etc/caddy/Caddyfile", "--adapter", "caddyfile"]


def haproxy(site: DeploymentSite, plan: Plan) -> list[str]:
    return [plan.found.executable, "-Ws", "-f", f"{site.root}/etc/haproxy/haproxy.cfg"]


def lighttpd(site: DeploymentSite, plan: Plan) -> list[str]:
    return [plan.found.executable, "-D", "-f", f"{site.root}/etc/lighttpd/lighttpd.conf"]


SERVICES = {each.__name__: each for each in (nginx, apache, caddy, haproxy, lighttpd)}
"""How the service of a system starts each proxy with the file in its usual place."""


@pytest.mark.parametrize(
    ("name", "workers"),
    [
        ("nginx[workers=2]+gunicorn:gthread[workers=2,threads=2]", 2),
        ("nginx:unix[upstream-keep-alive,gzip,unbuffered]+gunicorn:gthread[workers=2,threads=2]", 1),
        ("nginx[cache]+uwsgi[workers=2,threads=2]", 1),
        ("apache[workers=2,threads=8]+waitress[threads=4]", 2),
        ("apache:unix[workers=2,threads=8]+gunicorn:gthread[threads=4]", 2),
        ("caddy[timeout=30,keep-alive=7]+granian[workers=2,threads=2]", 0),
        ("haproxy:unix[threads=2,keep-alive=7]+gunicorn:gthread[threads=4]", 1),
        ("lighttpd[workers=2]+cheroot[threads=4]", 2),
    ],
)
def test_a_proxy_passes_requests_on_and_sends_static_files(name: str, workers: int, sites: Sites) -> None:
    plan = installed_plan(name)
    site = sites(plan)
    files = deployment_files(plan, site)
    deployed_servers.install(files)
    proxy = plan.adapter.name
    (Path(site.root) / "start").write_text(next(each.start for each in files if proxy in each.start and each.start))
    with ExitStack() as stack:
        stack.enter_context(deployed_servers.running(["/bin/sh", "-c", f"exec env {service_command(files)}"], site))
        if plan.upstream is not None and Path(site.socket_path).name in files[0].text:
            wait_for_socket(site)
        front = stack.enter_context(deployed_servers.running(SERVICES[proxy](site, plan), site))
        status, body = deployed_servers.request(site, site.public_port, "/page")
        assert (status, body) == (200, f"the app at /page in {site.folder} for shop.example")
        static = deployed_servers.request(site, site.public_port, "/static/style.css")[1]
        assert static == (
            f"the app at /static/style.css in {site.folder} for shop.example"
            if proxy == "haproxy"
            else "sent by the proxy"
        )
        assert deployed_servers.request(site, site.public_port, "/static/../shop.py")[1].startswith("the app at")
        assert deployed_servers.meeting(site, site.public_port, 4).total() == 4
        assert child_processes(front, workers) == workers
        if proxy == "haproxy":
            assert psutil.Process(front).children()[0].num_threads() == 2


@pytest.mark.parametrize("name", ["nginx+waitress", "nginx:unix+waitress", "nginx+gunicorn:gthread"])
def test_the_app_learns_of_visitors_as_the_files_say(name: str, sites: Sites) -> None:
    plan = installed_plan(name)
    site = sites(plan)
    files = deployment_files(plan, site)
    deployed_servers.install(files)
    command = service_command(files)
    advised = [line.lstrip("# ") for line in files[0].text.splitlines() if "--trusted-proxy" in line]
    assert bool(advised) is ("waitress" in name)
    with_advice = [command.replace(f" {site.app}", f" {' '.join(advised)} {site.app}")]
    for start in ([command] if advised else []) + with_advice:
        with ExitStack() as stack:
            stack.enter_context(deployed_servers.running(["/bin/sh", "-c", f"exec env {start}"], site))
            if "unix" in name:
                wait_for_socket(site)
            stack.enter_context(deployed_servers.running(nginx(site, plan), site))
            found = deployed_servers.request(site, site.public_port, "/visitor")
            assert found == (200, "None at None" if advised and start == command else "http at 127.0.0.1")
        Path(site.socket_path).unlink(missing_ok=True)


def wait_for_socket(site: DeploymentSite) -> None:
    """Return when the proxy can connect to the socket: Apache does not try again for a minute."""
    deadline = time.monotonic() + deployed_servers.START_SECONDS
    while not deployed_servers.let_the_proxy_connect(site):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def child_processes(parent: int, expected: int) -> int:
    """Return how many processes below `parent` pass requests on, as soon as there are `expected`."""
    deadline = time.monotonic() + deployed_servers.START_SECONDS
    while True:
        children = psutil.Process(parent).children()
        # nginx has processes for its cache as well.
        count = sum("cache" not in each for each in command_lines(children))
        if count == expected or time.monotonic() > deadline:
            return count
        time.sleep(0.02)


@pytest.mark.parametrize(
    "name",
    [
        "gunicorn:gthread[workers=3,threads=5,keep-alive=7,timeout=40,backlog=99,max-requests=500]",
        "gunicorn:sync",
        "gunicorn:gevent[workers=2]",
        "uwsgi[workers=3,threads=5,timeout=40,backlog=99,max-requests=500]",
        "uwsgi:http[keep-alive=7]",
        "nginx[workers=3,keep-alive=7,timeout=40]+gunicorn",
        "nginx[many-connections]+uwsgi",
        "apache[workers=3,threads=5,keep-alive=7,timeout=40,max-requests=500]+gunicorn",
        "apache+gunicorn",
        "haproxy[threads=2,keep-alive=7,timeout=40]+gunicorn",
        "haproxy+gunicorn",
        "lighttpd[workers=3,keep-alive=7,timeout=40,backlog=99]+gunicorn",
    ],
)
def test_a_file_has_the_conditions_of_the_measurement(name: str, sites: Sites) -> None:
    """The harness can read these files as those of a user: what it finds is what was measured."""
    plan = installed_plan(name)
    site = sites(plan)
    files = deployment_files(plan, site)
    deployed_servers.install(files)
    adapter, launch = plan.planned_launches()[-1]
    assert isinstance(adapter, Adapter)
    own = named(files, adapter_file(adapter.name))
    measured = adapter.conditions(launch)
    found = adapter.conditions(replace(launch, config=Path(own.install_path), settings=Settings()))
    compared = measured.keys() & found.keys() - {"features", "passes on", "kept to the server behind"}
    assert {"workers", "keep-alive"} <= compared
    if name.startswith("nginx"):
        compared -= {"workers", "worker-connections"}
        main = named(files, "nginx.conf").text
        assert f"worker_processes {measured['workers']};" in main
        assert f"worker_connections {measured['worker-connections']};" in main
    assert {key: found[key] for key in compared} == {key: measured[key] for key in compared}


def adapter_file(name: str) -> str:
    usual = {
        "gunicorn": "gunicorn.conf.py",
        "uwsgi": "uwsgi.ini",
        "haproxy": "haproxy.cfg",
        "lighttpd": "lighttpd.conf",
    }
    return usual.get(name, "shop.conf")


def test_every_adapter_has_files_or_a_command(sites: Sites) -> None:
    """No adapter needs the method: each that can be started has something to paste."""
    site = None
    for name, adapter in adapter_registry.adapters().items():
        if adapter.front or not isinstance(adapter, Adapter) or not adapter.find(str(PYTHON)).available:
            continue
        plan = installed_plan(name)
        if plan.unsupported_reason() or plan.address().pipe_socket:
            continue
        site = site or sites(plan)
        files = deployment_files(plan, site)
        assert service_command(files), name
        assert any(each.name == "shop.service" for each in files), name
    assert site is not None


PYTHON = Path(__file__).resolve().parents[2] / ".servers" / "bin" / "python"
