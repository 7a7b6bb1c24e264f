"""Measure how often the words of `compare` are wrong, and how often they are given, on synthetic comparisons.

    python benchmarks/compare_error_rates.py [--comparisons 1000] [--seed 1] [--only TABLE...]

tests/helpers/synthetic_comparisons.py describes the synthetic machine. The truth is known, so each word is right or
wrong. The same seed gives the same tables. docs/compare-method.md shows them.

Ends with 1 if a rate that must be at most 5 % is above it, 0 otherwise.
"""

# ruff: noqa: T201 - this script prints its result

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from wsgi_gauntlet.harness.stats.bootstrap import estimate
from wsgi_gauntlet.harness.stats.early_stop import planned_looks
from wsgi_gauntlet.harness.stats.judgement import Conclusion, Decision, decided, judge
from wsgi_gauntlet.harness.stats.paired_ratio import METRICS, P99, SERVED, Metric, Ratio, Scale
from wsgi_gauntlet.harness.stats.significance import equivalence

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.helpers.synthetic_comparisons import NAIVE, QUIET, TYPICAL, Machine, comparison, state_of_candidates

ROUNDS = (6, 10, 16, 24, 32)
NOISES = (0.02, 0.04, 0.08)
MOST_ROUNDS = (16, 32)
LIMIT = 0.05
DIFFERENT = frozenset({Conclusion.BETTER, Conclusion.WORSE})
EQUIVALENT = frozenset({Conclusion.EQUIVALENT})

MACHINES: dict[str, Machine] = {"as ours": TYPICAL, "no outliers": QUIET, "figures rounded to 5 %": Machine(step=0.05)}

Table = Iterator[Sequence[object]]


class Run:
    """The random numbers of a table, the number of comparisons, and whether a rate was above the limit."""

    def __init__(self, comparisons: int, seed: int) -> None:
        self.comparisons = comparisons
        self.rng = np.random.default_rng(seed)
        self.failed = False

    def draw(
        self,
        rounds: int,
        metrics: Sequence[Metric] = METRICS,
        noise: float | None = None,
        change: float = 0,
        machine: Machine = TYPICAL,
    ) -> Iterator[dict[str, Ratio]]:
        """Yield comparisons. `change` is that of B in the first metric, or in all of them if `noise` is None."""
        noises = None if noise is None else [noise] * len(metrics)
        effect = [change if each.scale is Scale.DIFFERENCE else 1 + change for each in metrics]
        if noise is not None:
            effect[1:] = [0 if each.scale is Scale.DIFFERENCE else 1 for each in metrics[1:]]
        for _ in range(self.comparisons):
            yield comparison(self.rng, rounds, metrics=metrics, noise=noises, effect=effect, machine=machine)

    def limited(self, share: float) -> str:
        """Return the share as text. It must be at most 5 %."""
        self.failed |= share > LIMIT
        return percent(share) + (" (too high)" if share > LIMIT else "")


def percent(share: float) -> str:
    """Return `share` in percent."""
    return f"{100 * share:.1f} %"


def mean(values: Iterable[float]) -> float:
    """Return the mean, of booleans too."""
    return statistics.fmean(values)


def any_word(ratios: dict[str, Ratio], wanted: frozenset[Conclusion]) -> bool:
    """Say whether one of the metrics gets one of the words."""
    return any(each.conclusion in wanted for each in judge(ratios).values())


def until_decided(ratios: dict[str, Ratio], rounds: int) -> tuple[Decision[str], int]:
    """Return the decision at the look that stops, and the rounds until then."""
    for look in planned_looks(rounds):
        decision = decided(ratios, look)
        if decision.stop:
            return decision, look.rounds[look.index]
    raise AssertionError("the last look stops")


def any_word_at_the_stop(ratios: dict[str, Ratio], rounds: int, wanted: frozenset[Conclusion]) -> bool:
    """Say whether one of the metrics gets one of the words with `--until-decided`."""
    return any(each.conclusion in wanted for each in until_decided(ratios, rounds)[0].judgements.values())


def false_words(run: Run, wanted: frozenset[Conclusion], change: float) -> Table:
    """Yield how often a metric gets a false word, by machine, number of metrics and rounds."""
    yield "machine", "metrics", *ROUNDS, *(f"until decided, at most {each}" for each in MOST_ROUNDS)
    for name, machine in MACHINES.items():
        for metrics in (METRICS, (P99,)):
            fixed = [
                run.limited(mean(any_word(each, wanted) for each in run.draw(rounds, metrics, None, change, machine)))
                for rounds in ROUNDS
            ]
            stopped = [
                run.limited(
                    mean(
                        any_word_at_the_stop(each, most, wanted)
                        for each in run.draw(most, metrics, None, change, machine)
                    )
                )
                for most in MOST_ROUNDS
            ]
            yield name, len(metrics), *fixed, *stopped


def false_differences(run: Run) -> Table:
    """A against A, noise 1 to 8 %: some metric gets "faster" or "slower" (at most 5 %), by rounds."""
    return false_words(run, DIFFERENT, 0)


def false_equivalences(run: Run) -> Table:
    """All metrics are 5 % larger: some metric gets "no difference above 5 %" (at most 5 %), by rounds."""
    return false_words(run, EQUIVALENT, 0.05)


def naive(run: Run) -> Table:
    """A against A, noise 4 %: naive procedures find a difference, by rounds."""
    yield "procedure", *ROUNDS
    for name, procedure in NAIVE.items():
        yield name, *(percent(procedure(run.rng, run.comparisons, rounds, 0.04)) for rounds in ROUNDS)


def power(run: Run) -> Table:
    """B takes 10 % longer: the word is "slower", by rounds."""
    yield "machine", "metrics", "noise", *ROUNDS
    for name in ("as ours", "no outliers"):
        for metrics in ((P99,), (P99, *(each for each in METRICS if each is not P99))):
            for noise in NOISES:
                cells = [
                    mean(
                        judge(each)[P99.name].conclusion is Conclusion.WORSE
                        for each in run.draw(rounds, metrics, noise, 0.10, MACHINES[name])
                    )
                    for rounds in ROUNDS
                ]
                yield name, len(metrics), percent(noise), *(percent(each) for each in cells)


def equivalences(run: Run) -> Table:
    """A against A: the word is "no difference above 5 %", by rounds."""
    yield "machine", "metrics", "noise", *ROUNDS
    for name in ("as ours", "no outliers"):
        for noise in NOISES:
            cells = [
                mean(
                    judge(each)[P99.name].conclusion is Conclusion.EQUIVALENT
                    for each in run.draw(rounds, (P99,), noise, 0, MACHINES[name])
                )
                for rounds in ROUNDS
            ]
            yield name, 1, percent(noise), *(percent(each) for each in cells)


def early_stop(run: Run) -> Table:
    """One metric, at most 32 rounds, with --until-decided: rounds used, and the share of each word."""
    yield "machine", "noise", "true change", "mean rounds", "slower", "faster", "no difference", "inconclusive"
    for name in ("as ours", "no outliers"):
        for noise in NOISES:
            for change in (0.0, 0.05, 0.10, 0.20):
                found = [until_decided(each, 32) for each in run.draw(32, (P99,), noise, change, MACHINES[name])]
                words = [each.judgements[P99.name].conclusion for each, _ in found]
                order = (Conclusion.WORSE, Conclusion.BETTER, Conclusion.EQUIVALENT, Conclusion.INCONCLUSIVE)
                shares = [percent(words.count(each) / len(words)) for each in order]
                yield name, percent(noise), percent(change), f"{mean(rounds for _, rounds in found):.1f}", *shares


def coverage(run: Run) -> Table:
    """The 95 % interval holds the true ratio of 1.10, or the true 10 points of a share, by rounds."""
    yield "machine", "metric", "noise", *ROUNDS
    for name in ("as ours", "no outliers"):
        for metric in (P99, SERVED):
            truth = 0.10 if metric.scale is Scale.DIFFERENCE else 1.10
            for noise in NOISES:
                cells = []
                for rounds in ROUNDS:
                    drawn = run.draw(rounds, (metric,), noise, 0.10, MACHINES[name])
                    found = [estimate(each[metric.name]) for each in drawn]
                    cells.append(percent(mean(each is not None and each.low <= truth <= each.high for each in found)))
                yield name, metric.name, percent(noise), *cells


def further_rounds(run: Run) -> Table:
    """After 10 inconclusive rounds, A against A: N more rounds, and the share that they decide (80 % planned)."""
    yield "machine", "noise", "inconclusive", "median N", "decided by N more rounds"
    for name in ("as ours", "no outliers"):
        for noise in NOISES:
            needed, decisions, drawn = [], [], 0
            for ratios in run.draw(200, (P99,), noise, 0, MACHINES[name]):
                drawn += 1
                first = judge({P99.name: ratios[P99.name].first(10)})[P99.name]
                if first.rounds_needed:
                    needed.append(first.rounds_needed)
                    later = judge({P99.name: ratios[P99.name].first(10 + first.rounds_needed)})[P99.name]
                    decisions.append(later.conclusion is not Conclusion.INCONCLUSIVE)
            median = f"{statistics.median(needed):g}" if needed else "-"
            share = percent(mean(decisions)) if decisions else "-"
            yield name, percent(noise), percent(len(needed) / drawn), median, share


def limits(run: Run) -> Table:
    """What the method cannot see, A against A: candidates that keep a state from round to round get a word."""
    yield "noise", *ROUNDS
    for noise in NOISES:
        cells = [
            mean(
                any_word({P99.name: state_of_candidates(run.rng, rounds, noise)}, DIFFERENT)
                for _ in range(run.comparisons)
            )
            for rounds in ROUNDS
        ]
        yield percent(noise), *(percent(each) for each in cells)


def boundary(run: Run) -> Table:
    """B takes exactly 5 % longer: two one-sided tests claim equivalence (at most 5 %), by rounds."""
    yield "machine", "noise", *ROUNDS
    for name, machine in MACHINES.items():
        for noise in NOISES:
            cells = [
                mean(equivalence(each[P99.name]) for each in run.draw(rounds, (P99,), noise, 0.05, machine))
                for rounds in ROUNDS
            ]
            yield name, percent(noise), *(run.limited(each) for each in cells)


TABLES: dict[str, Callable[[Run], Table]] = {
    each.__name__.replace("_", "-"): each
    for each in (
        false_differences,
        false_equivalences,
        boundary,
        naive,
        power,
        equivalences,
        early_stop,
        coverage,
        further_rounds,
        limits,
    )
}


def main() -> int:
    """Print the tables in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--comparisons", type=int, default=1000, help="comparisons for each figure (1000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=TABLES, default=list(TABLES), metavar="TABLE", help="some tables")
    options = parser.parse_args()
    failed = False
    for name in options.only:
        run = Run(options.comparisons, options.seed)
        began = time.process_time()
        rows = [[str(cell) for cell in row] for row in TABLES[name](run)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        print(f"\n{name}: {TABLES[name].__doc__}\n", *lines, sep="\n", flush=True)
        print(f"{name}: {time.process_time() - began:.0f} s of CPU", file=sys.stderr)
        failed |= run.failed
    margin = 1.96 * math.sqrt(LIMIT * (1 - LIMIT) / options.comparisons)
    print(f"\n{options.comparisons} comparisons for each figure: a rate of 5 % is known to {percent(margin)}.")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
