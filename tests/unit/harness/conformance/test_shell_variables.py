"""No variable of the user's shell gets into evidence; what a request or a case sets does."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.shell_variables import without_names, without_shell_variables
from wsgi_gauntlet.harness.model import AppEvent
from wsgi_gauntlet.harness.store.json_encoding import to_json

SHELL = {
    "MY_TOKEN": "secret",
    "HOME": "/home/me",
    "HTTP_PROXY": "http://me:secret@proxy",
    "HTTP_X_BOTH": "of the shell",
    "SERVER_PASSWORD": "secret",
    "SERVER_NAME": "mine",
    "HTTP_X_CASE": "of the shell",
}


def called(environ: dict[str, str], from_os: list[str]) -> AppEvent:
    names = [*environ, *from_os]
    return AppEvent(
        1.0,
        "called",
        1,
        1,
        detail={
            "path": "/echo",
            "environ": environ,
            "types": dict.fromkeys(names, "str"),
            "from_os": from_os,
            "cut": dict.fromkeys(from_os, 20_001),
            "named": ["HOME"],
        },
    )


def test_variables_of_the_shell_are_removed_everywhere() -> None:
    event = called(
        {
            "SERVER_NAME": "127.0.0.1",
            "PATH_INFO": "/echo",
            "HOME": "/changed",
            "HTTP_PROXY": SHELL["HTTP_PROXY"],
            "HTTP_X_BOTH": "of the request",
            "HTTP_X_CASE": "of the shell",
            "SERVER_PASSWORD": "secret",
            "gunicorn.socket": "1",
        },
        ["MY_TOKEN", "HTTP_PROXY", "SERVER_PASSWORD", "HTTP_X_CASE", "PYTHONPATH"],
    )
    [shown] = without_shell_variables([event], SHELL, {"HTTP_X_CASE"})
    assert list(shown.detail["environ"]) == [
        "SERVER_NAME",
        "PATH_INFO",
        "HTTP_X_BOTH",
        "HTTP_X_CASE",
        "gunicorn.socket",
    ]
    assert shown.detail["from_os"] == ["HTTP_X_CASE", "PYTHONPATH"]
    assert list(shown.detail["cut"]) == ["HTTP_X_CASE", "PYTHONPATH"]
    for hidden in (b"MY_TOKEN", b"HTTP_PROXY", b"SERVER_PASSWORD", b"secret", b"/changed"):
        assert hidden not in to_json(shown)
    assert (shown.detail["path"], shown.detail["named"]) == ("/echo", ["HOME"])


def test_events_without_such_variables_and_odd_events_stay() -> None:
    odd = AppEvent(1.0, "forged", 1, 1, detail={"environ": ["HOME"], "from_os": {"HOME": 1}, "types": 3})
    plain = called({"PATH_INFO": "/"}, ["PYTHONPATH"])
    assert without_shell_variables([plain], SHELL, ()) == (plain,)
    [shown] = without_shell_variables([odd], SHELL, ())
    assert shown.detail == {"environ": ["HOME"], "from_os": {}, "types": 3}


def test_a_forged_list_of_lists_does_no_harm() -> None:
    forged = AppEvent(1.0, "forged", 1, 1, detail={"environ": {"HOME": "/"}, "from_os": [["HOME"], "HOME", {}]})
    [shown] = without_shell_variables([forged], SHELL, ())
    assert shown.detail == {"environ": {}, "from_os": [["HOME"], {}]}


def test_a_sentence_about_the_events_names_no_variable_of_the_shell() -> None:
    event = called({"HTTP_PROXY": SHELL["HTTP_PROXY"], "HTTP_X_BOTH": "of the request"}, ["MY_TOKEN", "HOME"])
    shown = without_shell_variables([event], SHELL, ())
    text = "['HTTP_PROXY', 'HTTP_X_BOTH'], MY_TOKEN=1, HOME_PAGE, /HOME"
    masked = "(a variable of your shell)"
    assert without_names(text, [event], shown) == f"['{masked}', 'HTTP_X_BOTH'], {masked}=1, HOME_PAGE, /{masked}"
    assert without_names(text, [event], [event]) == text
    odd = AppEvent(1.0, "forged", 1, 1, detail={"environ": [["HOME"], 3, "MY_TOKEN"], "types": 3})
    assert without_names("MY_TOKEN", [odd], []) == masked
