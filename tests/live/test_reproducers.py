"""Every case of the catalogue can be given away: its app in one file, its requests in text that a shell takes."""

import ast
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import median

import pytest
import trio

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance.attempt import Attempt, attempt
from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.conformance.runner import apply_setup, group_by_setup
from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.model import CaseResult, Setup
from wsgi_gauntlet.harness.replay.netcat_script import SendMode
from wsgi_gauntlet.harness.replay.reproducer import Reproducer, StartedServer, reproducer
from wsgi_gauntlet.harness.server.adapter import distribution_version
from wsgi_gauntlet.harness.server.instance import running
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.temp_dirs import reference_app_sources

from ..reference_server.adapter import plan

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

SHORT = 125
"""Lines that can be pasted into an issue; nearly all apps must have fewer."""

INSTANCES = 6
"""Servers that run at the same time: an attempt waits for longer than it computes."""

LONGEST = 250
"""Lines that no app may have."""


CASES = [
    case
    for case in registry.cases()
    if not case.own_app
    and (not case.setup.distribution or distribution_version(sys.executable, case.setup.distribution))
]
"""All but those of frameworks that are not here; those of one that is stand for them."""


async def reproduced(folder: Path) -> dict[str, Reproducer]:
    """Return a reproducer of each case, from one attempt on the reference server."""
    found: dict[str, Reproducer] = {}
    sources = reference_app_sources()
    (folder / "logs").mkdir()

    instances = trio.CapacityLimiter(INSTANCES)

    async def group(setup: Setup, cases: list[Case]) -> None:
        start = apply_setup(plan(sys.executable), setup)
        try:
            async with instances, running(start, scratch=folder, logs=folder / "logs") as server:
                for case in cases:
                    made = await attempt(case, server)
                    found[case.id] = reproducer(
                        cell(start, case, made),
                        StartedServer(start, server.address),
                        SendMode(),
                        sources,
                        distribution=setup.distribution,
                    )
                    if not server.alive:
                        await server.restart(grace=0)
        except Unsupported:
            return

    async with trio.open_nursery() as nursery:
        for setup, cases in group_by_setup(CASES).items():
            share = INSTANCES if setup == Setup() else 1
            for number in range(share):
                nursery.start_soon(group, setup, cases[number::share])
    return found


def cell(start: Plan, case: Case, made: Attempt) -> CaseResult:
    judgement = made.judgement
    return CaseResult(start.name, case.id, case.level, case.tags, judgement.verdict, evidence=made.evidence)


def rejected_by_the_shell(folder: Path, texts: Mapping[str, str]) -> list[str]:
    """Return the keys of the texts that are no shell scripts."""
    folder.mkdir()
    numbers = {str(number): key for number, key in enumerate(texts)}
    for number, key in numbers.items():
        (folder / number).write_text(texts[key])
    each_file = 'for each; do /bin/sh -n "$each" 2> /dev/null || echo "$each"; done'
    done = subprocess.run(
        ["/bin/sh", "-c", each_file, "sh", *numbers], cwd=folder, stdout=subprocess.PIPE, text=True, check=True
    )
    return [numbers[number] for number in done.stdout.split()]


def test_a_text_that_is_no_script_is_rejected(tmp_path: Path) -> None:
    texts = {"good": "printf 'a'\n", "open": "printf 'a\n", "word": "if true; done\n"}
    assert rejected_by_the_shell(tmp_path / "scripts", texts) == ["open", "word"]


async def test_every_case_can_be_given_away(tmp_path: Path) -> None:
    found = await reproduced(tmp_path)
    assert len(found) >= len(CASES) * 0.95
    apps: dict[str, str] = {}
    lengths = []
    for id_, made in found.items():
        source = made.files["app.py"]
        title, _, code = source.partition("\n")
        assert title.startswith('"""')
        assert isinstance(ast.literal_eval(title), str)
        apps[code] = id_  # many cases use the same part of the app
        length = len(source.splitlines())
        assert length < LONGEST, id_
        if not id_.startswith("frameworks/"):  # theirs are apps with a dozen views
            lengths.append(length)
    for code, id_ in apps.items():
        tree = ast.parse(code, feature_version=(3, 8))
        space: dict[str, object] = {"__file__": "app.py"}
        exec(compile(code, id_, "exec"), space)
        assert callable(space["application"]), id_
        imported = {a.name.split(".")[0] for each in ast.walk(tree) if isinstance(each, ast.Import) for a in each.names}
        assert imported <= sys.stdlib_module_names, id_
    assert rejected_by_the_shell(tmp_path / "scripts", {id_: made.requests for id_, made in found.items()}) == []
    assert median(lengths) < SHORT * 0.8
    assert sum(each < SHORT for each in lengths) > len(lengths) * 0.9, sorted(lengths)
