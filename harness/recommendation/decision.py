"""The answer of a search, in sentences, from the figures of all candidates and the rounds of the finals. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from wsgi_gauntlet.harness.comparison.judgement import judge_rounds
from wsgi_gauntlet.harness.load.analysis.units import format_bytes, format_rate, format_seconds, format_share
from wsgi_gauntlet.harness.model import BASELINE_LETTER, ComparisonResult, ComparisonWord, FigureComparison
from wsgi_gauntlet.harness.model.naming import requirement_id
from wsgi_gauntlet.harness.model.recommendation import (
    Answer,
    CandidateFigures,
    CaseCell,
    Cell,
    Change,
    Elimination,
    FigureId,
    InvalidMeasurement,
    NotDistinguished,
    Reason,
    Recommendation,
    RecommendationCandidate,
    SearchConditions,
    Stage,
)
from wsgi_gauntlet.harness.recommendation.figures import LAST_STAGE_FIRST, candidate_figures
from wsgi_gauntlet.harness.recommendation.findings import findings
from wsgi_gauntlet.harness.recommendation.objective import (
    Requirements,
    best_that_holds,
    broken_requirements,
    ranked,
)
from wsgi_gauntlet.harness.recommendation.screening import describe_pairs, differ, sentence
from wsgi_gauntlet.harness.stats.early_stop import FEWEST_ROUNDS

MAX_REASON_CELLS = 12
"""Cells of one sentence; more links help nobody."""

MAX_NAMED_REQUIREMENTS = 2
"""Broken requirements that a sentence names. The report links to all of them."""

DISQUALIFYING = frozenset({Stage.START, Stage.CORRECTNESS})
"""A candidate that left at these stages is never the answer to another question either."""

FORMATS: Mapping[str, Callable[[float], str]] = {
    FigureId.CAPACITY.value: format_rate,
    FigureId.P99_AT_PEAK.value: format_seconds,
    FigureId.GOODPUT_ALONE.value: format_share,
    FigureId.GOODPUT_AMONG_SLOW.value: format_share,
    FigureId.MEMORY.value: format_bytes,
    FigureId.CPU.value: format_seconds,
}
"""How the value of a compared figure is written."""


def without_checks(search: Recommendation, wanted: Requirements) -> Requirements:
    """Return `wanted` for candidates of which most were not checked for all requirements.

    Those of security count if the search asked them of the best servers, and not of the finalists alone.
    """
    asked = any(each.stage is Stage.SECURITY for each in search.trials)
    return dataclasses.replace(wanted, compare_checks=False, compare_security=asked)


def requirements(conditions: SearchConditions, *, margin: float = 0.0) -> Requirements:
    """Return what must hold for the user's `conditions`."""
    return Requirements(
        conditions.peak, conditions.p99_limit, conditions.memory_limit, conditions.slow_clients > 0, margin
    )


def decide(search: Recommendation, comparison: ComparisonResult | None) -> Recommendation:
    """Return the search with its figures and its answer. `comparison` has the rounds of the finals."""
    table = {each.name: candidate_figures(each.name, search.trials) for each in search.candidates}
    search = replace(
        search,
        figures=tuple(table.values()),
        invalid=tuple(
            InvalidMeasurement(e.candidate, e.stage, e.why) for e in search.trials if not e.valid and not e.ruled_out
        ),
        rounds=len(comparison.valid_rounds) if comparison is not None else 0,
        # A resumed search still has those of its last answer.
        when_runner_up="",
        about_runner_up=(),
        not_distinguished=(),
        what_would_change=(),
    )

    early = {each.name: _early_figures(each.name, search, table[each.name]) for each in search.candidates}
    if not search.rounds:
        # Some finalists may have longer trials than others: without a valid round only short trials are comparable.
        table = early
        search = replace(search, figures=tuple(table.values()))

    def figures(name: str) -> CandidateFigures:
        return table[name]

    def short_figures(name: str) -> CandidateFigures:
        return early[name]

    asked = search.conditions
    wanted = requirements(asked)
    gone = {each.candidate: each.stage for each in search.eliminated}
    in_race = [each for each in search.candidates if each.name not in gone and figures(each.name).is_measured]
    if search.finalists:
        in_race = [each for each in in_race if each.name in search.finalists] or in_race
    about_app = findings(
        [each for each in search.candidates if gone.get(each.name) not in DISQUALIFYING],
        short_figures,
        asked=asked,
        mixing=candidates_mixing_up(search),
    )
    if not in_race:
        return replace(
            search,
            answer=Answer.NOT_DECIDED,
            headline=_nothing_measured(search),
            winner="",
            runner_up="",
            about_runner_up=(),
            reasons=about_app,
        )
    order = ranked(in_race, figures, wanted)
    meeting_all = [each for each in order if not broken_requirements(figures(each.name), wanted)]
    search = replace(search, finalists=tuple(each.name for each in order) if search.finalists else ())
    if not meeting_all:
        # The finals may break a limit that the margin of the screening allowed.
        left = [each for each in search.candidates if gone.get(each.name) is Stage.SCREENING]
        short_trial_winner = best_that_holds(left, short_figures, without_checks(search, wanted))
        meeting_all = [short_trial_winner] if short_trial_winner is not None else []
    if not meeting_all:
        changes = tuple(_changes(search, None, gone, figures, short_figures, wanted))
        return _none_holds(search, order[0], figures, wanted, about_app, changes)
    winner = meeting_all[0]
    judged = judge_against(comparison, winner.name)
    others = meeting_all[1:]
    failing = [
        Elimination(
            each.name, Stage.FINALS, sentence(broken_requirements(figures(each.name), wanted)[0].text), winner.name
        )
        for each in order
        if each not in meeting_all
    ]
    runner_up = next(iter(meeting_all[1:]), None) or _runner_up(search, winner, gone, figures, short_figures, wanted)
    return replace(
        search,
        answer=Answer.RECOMMENDED,
        headline=f"Take {winner.name}{_only_one(search, winner, gone, figures)}.",
        winner=winner.name,
        eliminated=(*(each for each in search.eliminated if each.candidate != winner.name), *failing),
        runner_up=runner_up.name if runner_up else "",
        when_runner_up=_when(runner_up, winner, figures, judged, search.rounds) if runner_up else "",
        about_runner_up=(
            tuple(_about_checks(search, runner_up.name, figures(runner_up.name))) if runner_up is not None else ()
        ),
        reasons=(
            *_only_short_trials(winner, gone),
            *_for_development(winner),
            *_holds(winner, figures(winner.name), search.conditions),
            *_about_checks(search, winner.name, figures(winner.name)),
            *_better_than(winner, others, figures, judged),
            *about_app,
        ),
        not_distinguished=(
            *_not_distinguished(winner, others, figures, judged, search.rounds),
            *_not_distinguished_early(search, winner, gone, short_figures, wanted),
        ),
        what_would_change=tuple(_changes(search, winner, gone, figures, short_figures, wanted)),
    )


def candidates_mixing_up(search: Recommendation) -> list[RecommendationCandidate]:
    """Return the candidates that gave wrong responses under load in a trial."""
    wrong = {each.candidate for each in search.trials if each.ruled_out and each.evidence}
    return [each for each in search.candidates if each.name in wrong]


def _early_figures(name: str, search: Recommendation, every: CandidateFigures) -> CandidateFigures:
    """Return the figures of short trials, which all candidates have, or else `every` figure.

    Those of the finals come from longer trials, and their capacity is checked with open loops. So the figures of a
    finalist and of another candidate can only be compared if both are early.
    """
    found = candidate_figures(name, (each for each in search.trials if each.stage is not Stage.FINALS))
    return found if found.is_measured else every


def judge_against(comparison: ComparisonResult | None, name: str) -> tuple[FigureComparison, ...]:
    """Return the words of the finals with the candidate `name` in the place of A.

    The letters of the words are those of the comparison, except that A is the former letter of `name`.
    """
    if comparison is None or not comparison.valid_rounds:
        return ()
    letter = next((each.letter for each in comparison.candidates if each.name == name), None)
    if letter is None:
        return ()

    def swapped(old: str) -> str:
        return {letter: BASELINE_LETTER, BASELINE_LETTER: letter}.get(old, old)

    # The second measurement of A shows its own noise: without it A is as any other candidate.
    rounds = tuple(
        replace(
            one,
            slots=tuple(
                replace(each, letter=swapped(each.letter))
                for each in one.slots
                if letter == BASELINE_LETTER or not each.again
            ),
        )
        for one in comparison.rounds
    )
    candidates = sorted(
        (replace(each, letter=swapped(each.letter)) for each in comparison.candidates), key=lambda each: each.letter
    )
    names = {each.letter: each.name for each in candidates}
    found = judge_rounds(replace(comparison, candidates=tuple(candidates), rounds=rounds, until_decided=False))
    return tuple(replace(each, note=names[each.letter]) for each in found)


def _nothing_measured(search: Recommendation) -> str:
    under_load = [each for each in search.trials if each.stage in LAST_STAGE_FIRST]
    valid = [each for each in under_load if each.valid and not each.ruled_out]
    if not valid and any(each.evidence for each in under_load):
        return (
            "Nothing is decided: every server gave wrong bodies under load. If a page lists what users add, write "
            "compare = false for its step in the traffic file."
        )
    if not valid and any(not each.valid for each in under_load):
        return "Nothing is decided: the machine or the generator could not keep up in any measurement."
    if search.trials:
        return "Nothing is decided: no candidate served the app correctly."
    return "Nothing is decided: no candidate was measured."


def _none_holds(
    search: Recommendation,
    nearest: RecommendationCandidate,
    figures: Callable[[str], CandidateFigures],
    wanted: Requirements,
    about_app: Sequence[Reason],
    changes: tuple[Change, ...],
) -> Recommendation:
    broken = broken_requirements(figures(nearest.name), wanted)
    gone = {each.candidate: each.stage for each in search.eliminated}
    able = [each for each in search.candidates if gone.get(each.name) not in DISQUALIFYING]
    who = "No candidate" if all(figures(each.name).is_measured for each in able) else "No candidate that was measured"
    return replace(
        search,
        answer=Answer.NONE_HOLDS,
        headline=f"{who} holds what you ask for. The nearest is {nearest.name}.",
        winner="",
        runner_up="",
        when_runner_up="",
        about_runner_up=(),
        reasons=(
            *(Reason(f"{nearest.name}: {each.text}.", (Cell(nearest.name, each.figure),)) for each in broken),
            *_about_checks(search, nearest.name, figures(nearest.name)),
            *about_app,
        ),
        what_would_change=changes,
    )


def _runner_up(
    search: Recommendation,
    winner: RecommendationCandidate,
    gone: Mapping[str, Stage],
    figures: Callable[[str], CandidateFigures],
    short_figures: Callable[[str], CandidateFigures],
    wanted: Requirements,
) -> RecommendationCandidate | None:
    fit = [each for each in search.candidates if each != winner and gone.get(each.name) not in DISQUALIFYING]
    other = without_checks(search, wanted)
    return best_that_holds(fit, figures, other, order_by=short_figures)


def _holds(winner: RecommendationCandidate, found: CandidateFigures, conditions: SearchConditions) -> Iterable[Reason]:
    name, limit = winner.name, format_seconds(conditions.p99_limit)
    capacity = found.capacity
    if capacity is not None and capacity.value is not None:
        least = "at least " if capacity.bound else ""
        room = f": {capacity.value / conditions.peak:.1f} times your peak" if conditions.peak else ""
        yield Reason(
            f"It serves {least}{format_rate(capacity.value)} with p99 within {limit}{room}.",
            (Cell(name, FigureId.CAPACITY),),
        )
    p99 = found.p99_at_peak
    if p99 is not None and p99.value is not None:
        yield Reason(
            f"At {format_rate(conditions.peak)}, 99 of 100 requests are answered within {format_seconds(p99.value)}.",
            (Cell(name, FigureId.P99_AT_PEAK),),
        )
    served = found.goodput_among_slow
    if served is not None and served.value is not None:
        count = f"{conditions.slow_clients} slow client{'s' if conditions.slow_clients != 1 else ''}"
        yield Reason(
            f"Beside {count}, {format_share(served.value)} of the users' requests"
            f"{f' ({served.why})' if served.why else ''} are answered correctly and in time.",
            (Cell(name, FigureId.GOODPUT_AMONG_SLOW),),
        )
    memory = found.memory
    if memory is not None and memory.value is not None:
        of = f" of {format_bytes(conditions.memory_limit)}" if conditions.memory_limit else ""
        yield Reason(f"It needs {format_bytes(memory.value)}{of} of memory.", (Cell(name, FigureId.MEMORY),))


def _only_one(
    search: Recommendation,
    winner: RecommendationCandidate,
    gone: Mapping[str, Stage],
    figures: Callable[[str], CandidateFigures],
) -> str:
    """Return what the headline says of a winner without a rival: the machine disturbed every other measurement."""
    able = [each for each in search.candidates if gone.get(each.name) not in DISQUALIFYING and each != winner]
    if not able or any(figures(each.name).is_measured for each in able):
        return ""
    return ", the only candidate with a valid measurement"


def _for_development(winner: RecommendationCandidate) -> Iterable[Reason]:
    if winner.for_development:
        yield Reason(
            f"It is a server for development: {winner.for_development} No server for production among the candidates "
            "holds what you ask for: name others with --servers."
        )


def _only_short_trials(winner: RecommendationCandidate, gone: Mapping[str, Stage]) -> Iterable[Reason]:
    if winner.name in gone:
        yield Reason(
            "It was not in the finals: every finalist breaks something that you ask for. Its figures come from short "
            "trials.",
            _cells(winner.name),
        )


def _about_checks(search: Recommendation, name: str, found: CandidateFigures) -> Iterable[Reason]:
    """Yield what the checks of a finalist found: the requests that a reload loses, and the broken requirements."""
    lost = found.reload_losses
    if lost is not None and lost.value is not None:
        how = "No request is" if lost.value == 0 else f"{lost.value:.0f} request{'s are' if lost.value != 1 else ' is'}"
        when = f"restarted under load ({lost.why})" if lost.why else "reloaded under load"
        yield Reason(f"{how} lost when it is {when}.", (Cell(name, FigureId.RELOAD_LOSSES),))
    elif lost is not None:
        yield Reason(
            f"Nobody knows whether a reload loses requests: {_clause(lost.why)}.", (Cell(name, FigureId.RELOAD_LOSSES),)
        )
    checked = search.requirements_of(name)
    if checked is None:
        broken = found.must_broken
        if broken is not None and broken.value is None:
            yield Reason(
                f"Its requirements of PEP 3333 and HTTP were not checked: {_clause(broken.why)}.",
                (Cell(name, FigureId.MUST_BROKEN),),
            )
        return
    if not checked.complete and not checked.broken:
        # A broken requirement is asked twice and counted last, so "none" would mean nothing.
        yield Reason(
            f"The time was over after {checked.asked} of {checked.wanted} requirements (must) of PEP 3333 and HTTP. "
            f"Broken ones are confirmed last, so there may be some; `wsgi-gauntlet check '{name}'` asks them all.",
            (Cell(name, FigureId.MUST_BROKEN), Cell(name, FigureId.SECURITY_MUST_BROKEN)),
        )
        return
    cut = "" if checked.complete else f" The time was over after {checked.asked} of {checked.wanted}."
    least = "" if checked.complete else "at least "
    of_security = f", {checked.security_broken} of them of security" if checked.security_broken else ""
    first = list(dict.fromkeys(map(requirement_id, checked.broken_cases)))[:MAX_NAMED_REQUIREMENTS]
    named = f": {'such as ' if checked.broken > len(first) else ''}{_list(first)}" if first else ""
    count = f"{least}{checked.broken or 'none'} of {checked.judged}"
    yield Reason(
        f"It breaks {count} requirements (must) of PEP 3333 and HTTP{of_security}{named}.{cut}",
        (Cell(name, FigureId.MUST_BROKEN), Cell(name, FigureId.SECURITY_MUST_BROKEN)),
        tuple(CaseCell(name, each) for each in checked.broken_cases),
    )


def _clause(why: str) -> str:
    """Return the first sentence of a reason, without its full stop: the rest describes what was measured anyway."""
    return why.partition(". ")[0].rstrip(".") or "it was not measured"


def _better_than(
    winner: RecommendationCandidate,
    others: Sequence[RecommendationCandidate],
    figures: Callable[[str], CandidateFigures],
    judged: Sequence[FigureComparison],
) -> Iterable[Reason]:
    """Yield what the finals show: in which figures the others are worse."""
    for each in others:
        worse = [word for word in judged if word.note == each.name and word.word is ComparisonWord.WORSE]
        if worse:
            yield Reason(
                f"The finals show that it is better than {each.name} in "
                f"{_list(_difference(word, figures, winner.name, each.name) for word in worse)}.",
                tuple(Cell(name, FigureId(word.figure)) for word in worse for name in (winner.name, each.name))[
                    :MAX_REASON_CELLS
                ],
            )


def _difference(word: FigureComparison, figures: Callable[[str], CandidateFigures], first: str, second: str) -> str:
    show = FORMATS[word.figure]
    which = FigureId(word.figure)
    values = [found.value for name in (first, second) if (found := figures(name).figure(which)) is not None]
    shown = [show(value) for value in values if value is not None]
    return f"{word.label} ({' against '.join(shown)})" if len(shown) == 2 else word.label


def _when(
    runner_up: RecommendationCandidate,
    winner: RecommendationCandidate,
    figures: Callable[[str], CandidateFigures],
    judged: Sequence[FigureComparison],
    rounds: int,
) -> str:
    own = [word for word in judged if word.note == runner_up.name]
    better = [word for word in own if word.word is ComparisonWord.BETTER]
    if better:
        shown = _list(_difference(word, figures, runner_up.name, winner.name) for word in better)
        return f"Take {runner_up.name} if this matters more to you: it is better in {shown}."
    if rounds >= FEWEST_ROUNDS and own and not any(word.word.is_difference for word in own):
        return f"The finals show no difference between the two: take {runner_up.name} if your team knows it better."
    if winner.front and not runner_up.front:
        return f"Take {runner_up.name} if you do not want to run {winner.front} before it."
    if runner_up.front and not winner.front and runner_up.server == winner.server:
        return f"Take {runner_up.name} if you run {runner_up.front} before your app anyway."
    if runner_up.server == winner.server:
        return f"Both are {winner.server}: take {runner_up.name} if its settings suit you better."
    return f"Take {runner_up.name} if you cannot or do not want to run {winner.server}."


def _not_distinguished(
    winner: RecommendationCandidate,
    others: Sequence[RecommendationCandidate],
    figures: Callable[[str], CandidateFigures],
    judged: Sequence[FigureComparison],
    rounds: int,
) -> Iterable[NotDistinguished]:
    for each in others:
        own = [word for word in judged if word.note == each.name]
        if any(word.word.is_difference for word in own):
            continue
        compared = [word for word in own if word.word is not ComparisonWord.NOT_COMPARED]
        if rounds < FEWEST_ROUNDS and differ(figures(winner.name), figures(each.name)):
            continue
        if compared:
            shown = _list(_difference(word, figures, winner.name, each.name) for word in compared)
            count = f"{rounds} round{'s' if rounds != 1 else ''}"
            text = (
                f"The finals had {count}, too few to show a difference between it and the winner: {shown}."
                if rounds < FEWEST_ROUNDS
                else f"{count} show no difference between it and the winner: {shown}."
            )
        else:
            text = "The finals had no valid round of it and the winner, so nothing distinguishes them."
        cells = tuple(Cell(name, FigureId(word.figure)) for word in compared for name in (winner.name, each.name))
        yield NotDistinguished(each.name, text, cells[:MAX_REASON_CELLS])


def _not_distinguished_early(
    search: Recommendation,
    winner: RecommendationCandidate,
    gone: Mapping[str, Stage],
    short_figures: Callable[[str], CandidateFigures],
    wanted: Requirements,
) -> Iterable[NotDistinguished]:
    """Yield the candidates that left in the screening without a clear difference from the winner."""
    own = short_figures(winner.name)
    for each in search.candidates:
        other = short_figures(each.name)
        if gone.get(each.name) is not Stage.SCREENING or broken_requirements(other, wanted) or differ(own, other):
            continue
        if shown := describe_pairs(own, other):
            cells = tuple(Cell(name, FigureId.CAPACITY) for name in (winner.name, each.name))
            text = f"It was not in the finals, and short trials show no clear difference from the winner: {shown}."
            yield NotDistinguished(each.name, text, cells)


def _changes(
    search: Recommendation,
    winner: RecommendationCandidate | None,
    gone: Mapping[str, Stage],
    figures: Callable[[str], CandidateFigures],
    short_figures: Callable[[str], CandidateFigures],
    wanted: Requirements,
) -> Iterable[Change]:
    """Yield the answers to other questions, from the figures that are there."""
    fit = [each for each in search.candidates if gone.get(each.name) not in DISQUALIFYING]
    for each in _other_questions(search.conditions, winner, figures, without_checks(search, wanted)):
        found = best_that_holds(fit, figures, each.wanted, order_by=short_figures)
        stays = winner is not None and not each.easier and not broken_requirements(figures(winner.name), each.wanted)
        if found is None:
            yield Change(each.condition, "No candidate that was measured holds that.")
        elif winner is not None and (stays or found.name == winner.name):
            yield Change(each.condition, "The answer stays the same.", winner.name, _cells(winner.name))
        else:
            yield Change(each.condition, f"Then take {found.name}.", found.name, _cells(found.name))


@dataclass(frozen=True)
class _OtherQuestion:
    """A question beside that of the user. An `easier` one may have a better answer even if the winner holds it."""

    condition: str
    wanted: Requirements
    easier: bool = False


def _other_questions(
    conditions: SearchConditions,
    winner: RecommendationCandidate | None,
    figures: Callable[[str], CandidateFigures],
    wanted: Requirements,
) -> Iterable[_OtherQuestion]:
    if conditions.peak and winner is not None:
        double = 2 * conditions.peak
        yield _OtherQuestion(f"twice the peak ({format_rate(double)})", dataclasses.replace(wanted, peak=double))
    if conditions.peak and winner is None:
        half = conditions.peak / 2
        yield _OtherQuestion(
            f"half of the peak ({format_rate(half)})",
            dataclasses.replace(wanted, peak=half, at_the_peak=False),
            easier=True,
        )
    memory = figures(winner.name).memory if winner is not None else None
    limit = conditions.memory_limit / 2 or (memory.value / 2 if memory is not None and memory.value else 0.0)
    if limit:
        yield _OtherQuestion(
            f"half of the memory ({format_bytes(limit)})", dataclasses.replace(wanted, memory_limit=int(limit))
        )
    if conditions.slow_clients:
        yield _OtherQuestion("no slow clients", dataclasses.replace(wanted, slow_clients=False), easier=True)


def _cells(name: str) -> tuple[Cell, ...]:
    return tuple(Cell(name, each) for each in (FigureId.CAPACITY, FigureId.MEMORY, FigureId.GOODPUT_AMONG_SLOW))


def _list(parts: Iterable[str]) -> str:
    *first, last = [*parts]
    return f"{', '.join(first)} and {last}" if first else last
