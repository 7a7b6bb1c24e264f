"""The files that show the results of a run: what a file in reports/outputs/ provides, and how a run writes them all."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from wsgi_gauntlet.harness.errors import StorageFull
from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.harness.store import journal
from wsgi_gauntlet.harness.store.garbage_collector import garbage_collector_paused


@dataclass(frozen=True)
class Output:
    """One format of a report.

    Its module is imported for every help text, so it imports the writer in `render`, and in `prepare`.

    `filename` is its name in a run folder. `render` is pure. `prepare` does slow work, such as imports, in advance. An
    output that is `on_request_only` is written only if the user asks for it. `parts` yields what `render` returns: give
    it if the text can be so large that it should not be in memory as a whole. Only an output that
    `has_workflow_commands` may print lines that GitHub Actions takes for commands.

    `option_help` is the help of the option `--name`, which `run`, `check`, `load`, `report` and `history` make from it;
    '' means no option. The option names a file, or is a flag that prints the output on stdout if it is `printed`.
    """

    name: str
    filename: str
    render: Callable[[Results], str]
    prepare: Callable[[], None] = lambda: None
    on_request_only: bool = False
    parts: Callable[[Results], Iterable[str]] | None = None
    option_help: str = ""
    printed: bool = False
    has_workflow_commands: bool = False

    @property
    def option(self) -> str:
        """The name of its option, as `--csv`."""
        return f"--{self.name}"

    def write(self, results: Results, path: Path) -> None:
        """Write the output into `path`, completely or not at all. Raises StorageFull, ConfigurationError."""
        journal.write_text(path, self.parts(results) if self.parts else self.render(results))


@garbage_collector_paused()
def write_outputs(results: Results, folder: Path, outputs: Mapping[str, Output], files: Mapping[str, Path]) -> None:
    """Write all `outputs` (by name) into `folder`, and those in `files` (path by name) to their path.

    Raises StorageFull, also if one of `files` cannot be written; the folder is complete then.
    """
    for output in outputs.values():
        if not output.on_request_only:
            output.write(results, folder / output.filename)
    for name, path in files.items():
        try:
            outputs[name].write(results, path)
        except OSError as problem:
            raise StorageFull(
                f"cannot write {path}: {problem.strerror}; correct this, then "
                f"`wsgi-gauntlet report {shlex.quote(str(folder))} --{name} FILE` writes it"
            ) from None
