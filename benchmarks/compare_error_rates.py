"""Measure how often the words of `compare` are wrong, and how often they are given, on synthetic comparisons.

    python benchmarks/compare_error_rates.py [--comparisons 1000] [--seed 1] [--only TABLE...]

tests/helpers/synthetic_comparisons.py describes the synthetic machine. The truth is known, so each word is right or
wrong. The same seed gives the same tables. They need five minutes of CPU time. docs/compare-method.md shows them.

Ends with 1 if a rate that must be at most 5 % is above it, 0 otherwise.
"""

# ruff: noqa: T201 - this script prints its result

from __future__ import annotations

import argparse
import concurrent.futures
import itertools
import math
import os
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from wsgi_gauntlet.harness.stats.bootstrap import estimate
from wsgi_gauntlet.harness.stats.early_stop import planned_looks
from wsgi_gauntlet.harness.stats.judgement import Conclusion, Decision, decided, judge
from wsgi_gauntlet.harness.stats.paired_ratio import METRICS, P99, SERVED, Metric, Ratio, Scale
from wsgi_gauntlet.harness.stats.significance import equivalence

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.helpers.synthetic_comparisons import (
    NAIVE,
    QUIET,
    STALL_SHARE,
    TYPICAL,
    Machine,
    comparison,
    equal_blocks,
    intervals,
    rare_stalls,
    state_of_candidates,
)

ROUNDS = (6, 10, 16, 24, 32)
NOISES = (0.02, 0.04, 0.08)
MOST_ROUNDS = (16, 32)
LONGEST = 200
MOST_EXTENSIONS = 3
LIMIT = 0.05
DIFFERENT = frozenset({Conclusion.BETTER, Conclusion.WORSE})
EQUIVALENT = frozenset({Conclusion.EQUIVALENT})

MACHINES: dict[str, Machine] = {"typical": TYPICAL, "no outliers": QUIET, "figures rounded to 5 %": Machine(step=0.05)}

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
        self.failed = self.failed or share > LIMIT
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


# The text of a table is the docstring of its function.


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


def hardest_case(run: Run) -> Table:
    """A against A, one metric, noise 8 %, five times as many comparisons: "faster" or "slower", by rounds."""
    yield "machine", *ROUNDS, *(f"until decided, at most {each}" for each in MOST_ROUNDS)
    run.comparisons *= 5
    for name in ("typical", "no outliers"):
        fixed = [
            run.limited(mean(any_word(each, DIFFERENT) for each in run.draw(rounds, (P99,), 0.08, 0, MACHINES[name])))
            for rounds in ROUNDS
        ]
        stopped = [
            run.limited(
                mean(
                    any_word_at_the_stop(each, most, DIFFERENT)
                    for each in run.draw(most, (P99,), 0.08, 0, MACHINES[name])
                )
            )
            for most in MOST_ROUNDS
        ]
        yield name, *fixed, *stopped


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
    for name in ("typical", "no outliers"):
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
    for name in ("typical", "no outliers"):
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
    """One metric, --until-decided, at most 32 rounds: the rounds used, and the share of each word."""
    yield (
        "machine",
        "noise",
        "true change",
        "mean rounds",
        "slower",
        "faster",
        "no difference above 5 %",
        "inconclusive",
    )
    for name in ("typical", "no outliers"):
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
    for name in ("typical", "no outliers"):
        for metric in (P99, SERVED):
            truth = 0.10 if metric.scale is Scale.DIFFERENCE else 1.10
            for noise in NOISES:
                cells = []
                for rounds in ROUNDS:
                    drawn = run.draw(rounds, (metric,), noise, 0.10, MACHINES[name])
                    found = [estimate(each[metric.name]) for each in drawn]
                    cells.append(percent(mean(each is not None and each.low <= truth <= each.high for each in found)))
                yield name, metric.name, percent(noise), *cells


def interval_kinds(run: Run) -> Table:
    """A against A, noise 2 %, typical: coverage and median width of the intervals that were considered, by rounds."""
    columns: dict[str, list[str]] = {}
    for rounds in ROUNDS:
        blocks = equal_blocks(run.rng, run.comparisons, rounds, 0.02)
        for kind, (low, high) in intervals(run.rng, blocks).items():
            held, width = float(((low <= 0) & (high >= 0)).mean()), float(np.median(high - low))
            columns.setdefault(kind, []).append(f"{percent(held)}, {percent(width) if width < 1 else 'above 100 %'}")
    yield "interval", *ROUNDS
    for kind, cells in columns.items():
        yield kind, *cells


def stalls(run: Run) -> Table:
    """B is 30 % slower in one of seven rounds, no outliers: the interval holds the true mean, by rounds."""
    yield "noise", *ROUNDS
    truth = math.exp(STALL_SHARE * math.log1p(0.3))
    for noise in NOISES:
        cells = []
        for rounds in ROUNDS:
            drawn = run.draw(rounds, (P99,), noise, 0, QUIET)
            found = [estimate(rare_stalls(run.rng, each[P99.name])) for each in drawn]
            cells.append(percent(mean(each is not None and each.low <= truth <= each.high for each in found)))
        yield percent(noise), *cells


def further_rounds(run: Run) -> Table:
    """After 10 inconclusive rounds, A against A: N more rounds, and the share that they decide (80 % planned)."""
    yield "machine", "noise", "inconclusive", "median N", "decided by N more rounds"
    for name in ("typical", "no outliers"):
        for noise in NOISES:
            needed, decisions, drawn = [], [], 0
            for ratios in run.draw(LONGEST, (P99,), noise, 0, MACHINES[name]):
                drawn += 1
                first = judge({P99.name: ratios[P99.name].first(10)})[P99.name]
                if first.rounds_needed:
                    needed.append(first.rounds_needed)
                    later = judge({P99.name: ratios[P99.name].first(10 + first.rounds_needed)})[P99.name]
                    decisions.append(later.conclusion is not Conclusion.INCONCLUSIVE)
            median = f"{statistics.median(needed):g}" if needed else "-"
            share = percent(mean(decisions)) if decisions else "-"
            yield name, percent(noise), percent(len(needed) / drawn), median, share


def extension(run: Run) -> Table:
    """A against A: 10 rounds, and at most three times the N more of the word: "faster" or "slower" in the end."""
    yield "machine", "noise", "each end at 5 %"
    for name in ("typical", "no outliers"):
        for noise in NOISES:
            drawn = run.draw(LONGEST, (P99,), noise, 0, MACHINES[name])
            yield name, percent(noise), percent(mean(_differs_in_the_end(each[P99.name]) for each in drawn))


def _differs_in_the_end(ratio: Ratio) -> bool:
    end = 10
    for _ in range(MOST_EXTENSIONS + 1):
        found = judge({P99.name: ratio.first(end)})[P99.name]
        if not found.rounds_needed or end + found.rounds_needed > LONGEST:
            break
        end += found.rounds_needed
    return found.conclusion in DIFFERENT


def limits(run: Run) -> Table:
    """A against A, each keeps a state (correlated by 0.5 from round to round): "faster" or "slower", by rounds."""
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
        hardest_case,
        false_equivalences,
        boundary,
        naive,
        power,
        equivalences,
        early_stop,
        coverage,
        interval_kinds,
        stalls,
        further_rounds,
        extension,
        limits,
    )
}


def measure(name: str, comparisons: int, seed: int) -> tuple[str, bool]:
    """Return the table in Markdown, and whether a rate is above its limit."""
    run = Run(comparisons, seed)
    rows = [[str(cell) for cell in row] for row in TABLES[name](run)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join((f"{name}: {TABLES[name].__doc__}", "", *lines)), run.failed


def main() -> int:
    """Print the tables in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--comparisons", type=int, default=1000, help="comparisons for each figure (1000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=TABLES, default=list(TABLES), metavar="TABLE", help="some tables")
    options = parser.parse_args()
    failed = False
    with concurrent.futures.ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        repeat = itertools.repeat
        for table, above in pool.map(measure, options.only, repeat(options.comparisons), repeat(options.seed)):
            print(table, end="\n\n", flush=True)
            failed = failed or above
    margin = 1.96 * math.sqrt(LIMIT * (1 - LIMIT) / options.comparisons)
    print(f"{options.comparisons} comparisons for each figure: a true rate of 5 % is found to ± {percent(margin)}.")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
