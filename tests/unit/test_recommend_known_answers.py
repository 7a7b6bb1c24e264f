"""The checks of benchmarks/recommend_known_answers.py pass for apps with the known behaviour, and fail for others."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from msgspec.structs import replace

from wsgi_gauntlet.harness.model.recommendation import Elimination, Recommendation, RecommendationCandidate, Stage
from wsgi_gauntlet.harness.recommendation.decision import decide
from wsgi_gauntlet.harness.server.name import parse

from ..helpers.synthetic_search import MB, App, search

BEHAVIOUR = {
    "cpu_bound": App(cpu=0.005),
    "waits_50_ms": App(cpu=0.0002, wait=0.05),
    "holds_lock": App(cpu=0.0001, wait=0.02, locked=True),
    "leaks_memory": App(cpu=0.0002, growth=65_536),
    "mixes_up_users": App(thread_safe=False),
}


@pytest.fixture
def benchmark() -> Iterator[ModuleType]:
    """The script as a module."""
    path = Path(__file__).parents[2] / "benchmarks" / "recommend_known_answers.py"
    spec = importlib.util.spec_from_file_location("recommend_known_answers", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def candidate(name: str) -> RecommendationCandidate:
    """Return the candidate that a server name of the benchmark means."""
    parsed = parse(name)
    usual = 4 if parsed.server.adapter == "waitress" else 1
    settings = parsed.server.settings
    variant, front = parsed.server.variant or "", parsed.front.adapter if parsed.front else ""
    threads = settings.threads or usual
    return RecommendationCandidate(name, parsed.server.adapter, variant, settings.workers or 1, threads, front)


def answer(benchmark: ModuleType, name: str, app: App) -> Recommendation:
    """Return the answer of exact measurements of `app` on the servers of the benchmark."""
    wanted = {"peak": 60.0, "slow_clients": 60 if name == "slow_uploads" else 0}
    if name == "leaks_memory":
        wanted["memory_limit"] = 50 * MB
    found = search(app, *(candidate(each) for each in benchmark.APPS[name].servers), **wanted)
    out = (
        Elimination(each.candidate, Stage.CORRECTNESS, each.ruled_out, evidence=each.evidence)
        for each in found.trials
        if each.ruled_out
    )
    return decide(replace(found, eliminated=tuple(out)), None)


@pytest.mark.parametrize("name", BEHAVIOUR)
def test_the_known_answer_is_correct(benchmark: ModuleType, name: str) -> None:
    found = answer(benchmark, name, BEHAVIOUR[name])
    assert list(benchmark.APPS[name].faults(found)) == []
    assert benchmark.line(name, found, []).startswith(f"{name}: correct")


@pytest.mark.parametrize(
    ("name", "other", "fault"),
    [
        ("cpu_bound", "waits_50_ms", "it does not say that CPU time is the limit"),
        ("waits_50_ms", "cpu_bound", "and Little's law gives 320/s"),
        ("holds_lock", "waits_50_ms", "it does not say that nothing helps"),
        ("leaks_memory", "cpu_bound", "it does not say that the app leaks"),
        ("mixes_up_users", "cpu_bound", "no candidate with threads is out with evidence"),
    ],
)
def test_another_answer_is_wrong(benchmark: ModuleType, name: str, other: str, fault: str) -> None:
    found = answer(benchmark, name, BEHAVIOUR[other])
    faults = list(benchmark.APPS[name].faults(found))
    assert any(fault in each for each in faults), faults
    assert fault in benchmark.line(name, found, faults)


@pytest.mark.parametrize(
    ("winner", "faults"),
    [
        ("nginx+gunicorn:sync[workers=2]", []),
        ("waitress", []),
        (
            "gunicorn:sync[workers=2]",
            ["gunicorn:sync[workers=2] wins, which is neither behind a proxy nor asynchronous"],
        ),
        ("", ["nobody wins, which is neither behind a proxy nor asynchronous"]),
    ],
)
def test_a_server_that_takes_slow_uploads_must_win(benchmark: ModuleType, winner: str, faults: list[str]) -> None:
    found = replace(answer(benchmark, "slow_uploads", App()), winner=winner)
    assert list(benchmark.APPS["slow_uploads"].faults(found)) == faults


def test_all_apps_have_a_command(benchmark: ModuleType) -> None:
    for name in benchmark.APPS:
        argv = benchmark.command(name, "150s", Path("out"))
        assert argv[:3] == ["recommend", "--app", f"known_apps.{name}:app"]
        assert ("--traffic" in argv) is (name in ("mixes_up_users", "slow_uploads"))
