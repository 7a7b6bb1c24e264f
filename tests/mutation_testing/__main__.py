"""python -m tests.mutation_testing: score the catalogue against mutants that a tool makes."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path

import click
import msgspec
import trio

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.servers.reference import SOURCES

from . import differential, operators, score
from .operators import ToolMutant


@click.command()
@click.option("--count", default=400, show_default=True, help="Number of mutants.")
@click.option("--seed", default=1, show_default=True, help="The same seed chooses the same mutants.")
@click.option("--sources", type=click.Path(path_type=Path), default=SOURCES, help="Folder of the reference server.")
@click.option("--only", default="", help="Only mutants whose name contains this text.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File for the results, JSON lines.")
def main(count: int, seed: int, sources: Path, only: str, out: Path) -> None:
    """Run the catalogue against each mutant until a case finds it. Mutants that OUT has already are skipped."""
    lines = out.read_bytes().splitlines() if out.exists() else []
    done = {each.name: each for each in (msgspec.json.decode(line, type=score.MutantResult) for line in lines)}
    chosen = [each for each in operators.sample(score.all_mutants(sources), count, seed) if only in each.name]
    left = [each for each in chosen if each.name not in done]
    trio.run(_score, left, sources, out)
    results = [msgspec.json.decode(line, type=score.MutantResult) for line in out.read_bytes().splitlines()]
    names = {each.name for each in chosen}
    survivors = score.load_survivors(Path(__file__).with_name("survivors.toml"))
    for line in score.summary([each for each in results if each.name in names], survivors):
        click.echo(line)


async def _score(left: list[ToolMutant], sources: Path, out: Path) -> None:
    cases = [each for each in registry.cases() if not each.own_app and not each.setup.distribution]
    scorer = score.Scorer(sources, await score.cases_that_pass(sources, cases))
    chosen = differential.some_inputs(seed=1)
    expected = await differential.reference_observations(sources, chosen)
    with out.open("ab") as file:
        for number, mutant in enumerate(left, 1):
            result = await scorer.score(mutant)
            if result.outcome is score.Outcome.PASSED:
                shown = await differential.first_difference(sources, mutant, chosen, expected)
                result = replace(result, difference=shown)
            file.write(msgspec.json.encode(asdict(result)) + b"\n")
            file.flush()
            sys.stderr.write(f"{number}/{len(left)} {result.outcome} {result.case or result.name}\n")


if __name__ == "__main__":
    main()
