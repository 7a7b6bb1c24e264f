"""The difference of two runs for a pull request: what broke first, the details folded.

Text from servers is in code spans, so that it adds no markup, link, mention or reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wsgi_gauntlet.reports.analysis.run_diff import ChangeKind, RequirementChange, RunDiff
from wsgi_gauntlet.reports.text import diff_text, labels
from wsgi_gauntlet.reports.text.markdown_text import code

MAX_CHARACTERS = 60_000
"""Characters; a comment on a pull request may have 65,536."""

CUT = "\n… cut here: `wsgi-gauntlet diff --all` prints the rest.\n"

CLOSE = "\n</details>\n\n"


def render(diff: RunDiff, failures: Sequence[str]) -> str:
    """Return `diff` as Markdown with at most MAX_CHARACTERS. `failures` say why the command ends with 1."""
    parts: list[str] = []
    used, is_open = 0, False
    for part in _parts(diff, failures):
        if used + len(part) > MAX_CHARACTERS - len(CUT) - len(CLOSE):
            parts.append(f"{CLOSE if is_open else ''}{CUT}")
            break
        parts.append(part)
        used += len(part)
        is_open = part.startswith("<details>") or (is_open and part != CLOSE)
    return "".join(parts)


def _parts(diff: RunDiff, failures: Sequence[str]) -> Iterator[str]:
    yield f"## {diff_text.title(diff)}\n\n"
    yield f"{code(diff.base)} → {code(diff.new)}, {labels.pluralize(diff.same, 'cell')} as before. "
    yield f"**{'; '.join(failures)}.**\n\n" if failures else "Nothing that fails this check.\n\n"
    if broken := diff.broken:
        yield f"### {diff_text.HEADINGS[ChangeKind.BROKEN]}\n\n"
        yield from map(_requirement, broken)
        yield "\n"
    if changes := diff.grade_changes:
        yield from _folded(
            f"Grades: {labels.pluralize(len(changes), 'change')}",
            [f"- {code(diff_text.grade_change(each), 600)}\n" for each in changes],
        )
    for kind, heading in diff_text.HEADINGS.items():
        if kind is not ChangeKind.BROKEN and (found := diff.of_kind(kind)):
            yield from _folded(
                f"{heading}: {labels.pluralize(len(found), 'requirement')}", [_requirement(each) for each in found]
            )
    figures = [
        f"- {code(each.server)} in {code(each.scenario)}: {code(text, 1000)}\n"
        for each in diff.comparable_loads
        if (text := diff_text.figures(each))
    ]
    if figures:
        yield from _folded(
            f"Figures of {labels.pluralize(len(figures), 'cell')}", [*figures, f"\n{diff_text.ONE_RUN_NOTE}\n"]
        )
    yield from _folded(
        "What was compared",
        [
            *(f"- {code(diff_text.server_match(each))}\n" for each in diff.servers),
            *(f"- {code(each, 1000)}\n" for each in diff_text.only_lines(diff)),
            *(f"- The runs differ in {code(diff_text.differences([each]))}\n" for each in diff.differences),
            *(f"- Figures that cannot be compared: {code(each, 600)}\n" for each in diff_text.not_comparable(diff)),
        ],
    )


def _folded(heading: str, lines: Sequence[str]) -> Iterator[str]:
    """Yield a part that a reader opens. The headings have no text from servers."""
    yield f"<details><summary>{heading}</summary>\n\n"
    yield from lines
    yield CLOSE


def _requirement(change: RequirementChange) -> str:
    security = " **security**" if change.security else ""
    servers = ", ".join(code(each) for each in diff_text.server_counts(change))
    text = f"- {diff_text.sign(change)}{security} {code(change.requirement)}: {servers}\n"
    first = next((each for each in change.cells if each.after and each.after.blames_server and each.actual), None)
    if first is not None and change.kind is ChangeKind.BROKEN:
        expected = code(first.expected) or "the requirement"
        return f"{text}  - expected {expected}; {code(first.server)} gave {code(first.actual)}\n"
    changes = diff_text.transitions(change)
    return f"{text}  - {changes}\n" if changes else text
