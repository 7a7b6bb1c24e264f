"""The options of `recommend`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from wsgi_gauntlet.harness.cli.commands import recommend as module
from wsgi_gauntlet.harness.cli.commands.recommend import (
    limit_seconds,
    memory_bytes,
    peak_rate,
    server_names,
)
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.recommendation.run import SearchOptions


@pytest.mark.parametrize(
    ("text", "rate"), [("60/s", 60.0), ("60", 60.0), ("90/m", 1.5), ("120/min", 2.0), ("0.5/s", 0.5), ("7200/h", 2.0)]
)
def test_a_peak_is_requests_per_time(text: str, rate: float) -> None:
    assert peak_rate(text) == pytest.approx(rate)


@pytest.mark.parametrize("text", ["0/s", "-1/s", "60/day", "fast", "1e9", "200000/s", "60/", "nan/s", "６０/s"])
def test_another_peak_is_an_error_with_an_example(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"--peak .*60/s"):
        peak_rate(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2GB", 2 * 10**9),
        ("512MB", 512 * 10**6),
        ("1GiB", 2**30),
        ("2g", 2 * 10**9),
        ("2000000", 2_000_000),
        ("1MB", 10**6),
    ],
)
def test_memory_has_the_usual_units(text: str, size: int) -> None:
    assert memory_bytes(text) == size


@pytest.mark.parametrize("text", ["0", "1KB", "lots", "2 bananas", "-2GB", "99999999TB"])
def test_another_size_is_an_error_with_an_example(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"--memory .*512MB"):
        memory_bytes(text)


@pytest.mark.parametrize(("text", "seconds"), [("300ms", 0.3), ("1s", 1.0), ("0.25s", 0.25)])
def test_a_limit_is_a_time_with_its_unit(text: str, seconds: float) -> None:
    assert limit_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["300", "0ms", "2m", "5s", "61s", "soon"])
def test_another_limit_is_an_error_with_an_example(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"--p99 .*from 1ms to 4s, such as 300ms"):
        limit_seconds(text)


def test_a_comma_in_brackets_does_not_end_a_name() -> None:
    assert server_names(("gunicorn[workers=2,threads=4],waitress", "nginx")) == (
        "gunicorn[workers=2,threads=4]",
        "waitress",
        "nginx",
    )
    for wrong, message in ((("a,",), "is empty"), (("a,b", "a"), "named twice")):
        with pytest.raises(ConfigurationError, match=message):
            server_names(wrong)


class _Called(Exception):
    def __init__(self, options: SearchOptions) -> None:
        super().__init__()
        self.options = options


def options(monkeypatch: pytest.MonkeyPatch, *words: str) -> SearchOptions:
    """Return the options that the command gives to the search."""
    from wsgi_gauntlet.harness.recommendation import run

    def call(given: SearchOptions, *_others: object) -> None:
        raise _Called(given)

    monkeypatch.setattr(run, "recommend", call)
    outcome = CliRunner().invoke(module.recommend, words)
    assert isinstance(outcome.exception, _Called), outcome.output
    return outcome.exception.options


def test_the_defaults_are_a_fifth_of_the_users_slow_and_ten_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = options(monkeypatch)
    assert (found.users, found.slow_clients, found.budget, found.p99_limit) == (40, 8, 600.0, 0.3)
    assert (found.peak, found.memory_limit, found.servers, found.seed) == (0.0, 0, (), None)


def test_the_command_can_be_repeated_without_its_budget_and_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("--app", "shop:app", "--peak", "60/s", "--servers", "gunicorn,nginx", "--slow-clients", "0")
    more = ("--memory", "2GB", "--before", "true a b", "--out", "o ut")
    found = options(monkeypatch, *words, *more, "--budget", "1m", "--seed", "3")
    assert found.command == (
        "wsgi-gauntlet recommend --app shop:app --servers gunicorn,nginx --peak 60/s --slow-clients 0 --memory 2GB "
        "--out 'o ut' --before 'true a b'"
    )
    assert (found.slow_clients, found.seed, found.common.out) == (0, 3, Path("o ut"))
    assert found.common.python == sys.executable


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--budget", "5s"), "a search needs 20 s or more"),
        (("--app-path", "/x"), "--app-path needs --app"),
        (("--traffic", "shop.toml"), "--traffic needs --app"),
        (("--peak", "x"), "--peak x"),
        (("--users", "8", "--slow-clients", "9"), "--slow-clients 9: they are part of the 8 users"),
    ],
)
def test_a_mistake_is_one_line(words: tuple[str, ...], message: str) -> None:
    outcome = CliRunner().invoke(module.recommend, words)
    assert isinstance(outcome.exception, ConfigurationError)
    assert message in str(outcome.exception)
    assert "\n" not in str(outcome.exception)
