"""`traffic check` on a real server: an app with a login, tokens and a clock, and what is wrong with it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.traffic import check as check_module
from wsgi_gauntlet.harness.traffic.check import TrafficCheck
from wsgi_gauntlet.harness.traffic.read_file import read_traffic

pytestmark = pytest.mark.live

APP = """
import html, itertools, secrets, time
from http.cookies import SimpleCookie
from urllib.parse import parse_qs

sessions, names, posts = {}, set(), []

def application(environ, start_response):
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    cookies = SimpleCookie(environ.get("HTTP_COOKIE", ""))
    key = cookies["sid"].value if "sid" in cookies else ""
    session = sessions.get(key, {})
    fields = [("Content-Type", "text/html; charset=utf-8")]

    def page(status, text="", *more):
        body = ("<html><body><h1>The shop</h1>%s</body></html>" % text).encode()
        start_response(status, [*fields, *more, ("Content-Length", str(len(body)))])
        return [] if method == "HEAD" else [body]

    if path == "/login" and method == "GET":
        key, token = secrets.token_hex(16), secrets.token_urlsafe(12)
        sessions[key] = {"token": token}
        return page("200 OK", "<p>%f</p><input type='hidden' name='csrf' value='%s'>" % (time.time(), token),
                    ("Set-Cookie", "sid=%s; Path=/; HttpOnly" % key))
    size = int(environ.get("CONTENT_LENGTH") or 0)
    form = {name: values[0] for name, values in parse_qs(environ["wsgi.input"].read(size).decode()).items()}
    if path == "/login":
        if not session or form.get("csrf") != session["token"]:
            return page("403 Forbidden", "wrong token")
        session["user"] = form["user"]
        return page("302 Found", "", ("Location", "/account"))
    if path == "/account":
        status = "200 OK" if "user" in session else "403 Forbidden"
        return page(status, "Hello %s" % html.escape(session.get("user", "")))
    if path == "/logout":
        sessions.pop(key, None)
        return page("303 See Other", "", ("Location", "/"), ("Set-Cookie", "sid=; Path=/; Max-Age=0"))
    if path == "/register":
        if form["name"] in names:
            return page("409 Conflict", "this name is taken")
        names.add(form["name"])
        return page("201 Created")
    if path == "/broken":
        raise KeyError("no such thing")
    if path == "/mixed":
        return page("200 OK", "Hello somebody else")
    return page("200 OK", "welcome")
"""

LOGIN = """
[values]
users = "users.csv"

[[request]]
name = "front page"
path = "/"

[[request]]
name = "head"
method = "HEAD"
path = "/"

[[sequence]]
name = "log in"

[[sequence.step]]
path = "/account"
status = 403

[[sequence.step]]
path = "/login"
capture.csrf = { input = "csrf" }

[[sequence.step]]
path = "/login"
form = { csrf = "${csrf}", user = "${users.name}" }
follow = true
contains = "Hello ${users.name}"

[[sequence.step]]
method = "POST"
path = "/logout"
status = 303

[[sequence.step]]
name = "gone"
path = "/account"
status = 403
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "visited_shop.py").write_text(APP)
    (tmp_path / "users.csv").write_text('name\nAnna & Bob\n"""Zoë"""\n', encoding="utf-8")
    return tmp_path


def checked(folder: Path, text: str, server: str = "reference") -> TrafficCheck:
    file = folder / "visit.toml"
    file.write_text(text, encoding="utf-8")
    plan = planning.plan(server, app="visited_shop:application", app_path=folder)
    return check_module.check(plan, read_traffic(file).traffic)


def test_a_person_logs_in_and_out(folder: Path) -> None:
    result = checked(folder, LOGIN)
    assert [each.name for each in result.sequences] == ["log in", "front page", "head"]
    assert [step.fault or step.second_fault for each in result.sequences for step in each.steps] == [""] * 7
    assert result.wrong_steps == 0
    account, login, post, logout, gone = result.sequences[0].steps
    assert [(each.method, each.target, each.status) for each in post.requests] == [
        ("POST", "/login", 302),
        ("GET", "/account", 200),
    ]
    ((name, token),) = login.requests[0].outcome.captured
    assert name == "csrf"
    assert token in login.requests[0].body.decode()
    assert login.expected is not None
    assert login.expected.whole is None
    assert all(token.encode() not in each for each in login.expected.pieces)
    assert post.expected is not None
    assert post.expected.whole is None  # another user's name
    assert gone.expected is not None
    assert gone.expected.whole == gone.requests[0].body
    assert (account.requests[0].status, logout.requests[0].status) == (403, 303)
    assert result.sequences[2].steps[0].requests[0].length == 0


def test_the_paths_are_below_the_mount_as_under_load(folder: Path) -> None:
    plan = planning.plan("reference", app="visited_shop:application", app_path=folder)
    mounted = replace(plan, settings=replace(plan.settings, mount="/shop"))
    (folder / "visit.toml").write_text("[[request]]\npath = '/'\ncontains = 'welcome'\n", encoding="utf-8")
    result = check_module.check(mounted, read_traffic(folder / "visit.toml").traffic)
    (step,) = result.sequences[0].steps
    assert (step.ok, step.requests[0].target) == (True, "/shop/")


def test_a_wrong_response_has_the_cause(folder: Path) -> None:
    text = """
[[sequence]]
name = "faults"
[[sequence.step]]
path = "/broken"
capture.id = 'id="(.*?)"'
[[sequence.step]]
path = "/${id}"
[[sequence.step]]
path = "/"
"""
    result = checked(folder, text)
    broken, unsent, front = result.sequences[0].steps
    assert broken.fault == "status 500 in place of 200 to 399"
    assert "KeyError" in broken.log
    assert unsent.fault == "not sent: ${id} has no value"
    assert front.ok
    assert result.wrong_steps == 2


def test_a_visit_that_is_possible_once_is_found(folder: Path) -> None:
    text = "[[request]]\npath = '/register'\nform = { name = 'anna' }\n"
    result = checked(folder, text)
    (step,) = result.sequences[0].steps
    assert (step.fault, step.second_fault) == ("", "status 409 in place of 200 to 399")
    assert result.wrong_steps == 1
    named = "[values]\nusers = 'users.csv'\n" + text.replace("anna", "${users.name}")
    assert checked(folder, named).wrong_steps == 0


def test_a_step_may_be_left_out_of_the_comparison(folder: Path) -> None:
    (step,) = checked(folder, "[[request]]\npath = '/login'\ncompare = false\n").sequences[0].steps
    assert step.ok
    assert step.expected is None


def test_the_page_of_somebody_else_is_found(folder: Path) -> None:
    text = "[values]\nusers = 'users.csv'\n[[request]]\npath = '/mixed'\ncontains = 'Hello ${users.name}'\n"
    (step,) = checked(folder, text).sequences[0].steps
    assert step.requests[0].outcome.fault == "another user's page"


def test_the_command_prints_what_came(folder: Path) -> None:
    (folder / "visit.toml").write_text(LOGIN, encoding="utf-8")
    command = [sys.executable, "-m", "wsgi_gauntlet", "traffic", "check", "visit.toml", "reference"]
    environment = {**os.environ, "COLUMNS": "80"}
    app = ["--app", "visited_shop:application"]
    done = subprocess.run([*command, *app], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "✓ GET /login" in done.stdout
    assert "→ POST /login" in done.stdout
    assert done.stdout.endswith("All 7 requests got a correct response, in two visits each.\n")
    (folder / "visit.toml").write_text("[[request]]\npath = '/broken'\n", encoding="utf-8")
    done = subprocess.run([*command, *app], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "  wrong: status 500" in done.stdout
    assert "1 of 1 request got a wrong response." in done.stdout
