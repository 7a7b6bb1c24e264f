"""Cells as pytest's items: collected without files, run one by one, reported in the words of the case.

The node id is `wsgi-gauntlet::SERVER::CASE`, so that xdist's --dist loadscope keeps each server in one worker.
"""

from __future__ import annotations

import datetime as dt
import re
import sys
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .. import again, configuration, discover, planning, session
from ..baselines import baseline
from ..baselines.baseline import Baseline
from ..calling import page_of
from ..catalog import Case, suggestion
from ..errors import BadConfiguration, GauntletError, UnknownName, Unsupported
from ..launching.ownapp import is_own
from ..launching.plan import Plan
from ..model import Check, Level, Standing, Verdict
from ..plugin import ROOT, background
from ..progress import Silence
from ..rounds import Narrowing
from ..runner import by_setup
from ..selection import Selection, chosen, fitting
from .pool import Pool

VERDICT = "wsgi_verdict"
"""The property of a report that carries the verdict: `-rA`, --junit-xml and other plugins see it."""


Status = tuple[str, str, tuple[str, dict[str, bool]]]
"""pytest's: category, letter, and the word with its colour."""


class Blamed(Exception):
    """The cell fails: the server, or what the baseline says of it. Its text is the report."""


class NotJudged(Exception):
    """The cell could not be decided for a reason that is not the server's doing."""


@dataclass(frozen=True)
class Row:
    """One server and the cases that are its items."""

    plan: Plan
    cases: Sequence[Case]

    @property
    def name(self) -> str:
        """The server's name in node ids, as `gunicorn(workers=2)`: to pytest and xdist a bracket begins a parameter."""
        return self.plan.name.translate(str.maketrans("[]", "()"))


class Cells:
    """The hooks of a session that has cells; `ids` are the node ids that were named, which then are all there is."""

    def __init__(self, config: pytest.Config, ids: Sequence[str]) -> None:
        self._config = config
        self._ids = ids
        self._rows: list[Row] = []
        self._warned: dict[str, list[str]] = {}
        self._judged: dict[str, bool] = {}
        self.strict: bool = config.getoption("wsgi_strict")
        self.given = again.options(
            python=config.getoption("wsgi_python") or "",
            app=config.getoption("wsgi_app") or "",
            command=config.getoption("wsgi_command") or "",
            page=config.getoption("wsgi_path") or "/",
        )
        self.today = dt.datetime.now().astimezone().date()
        self.accepted: Baseline | None = None
        try:
            known = discover.cases()
        except GauntletError as problem:
            raise pytest.UsageError(str(problem)) from None
        for name, words in markers(known).items():
            config.addinivalue_line("markers", f"{name}: {words}")
        self.pool: Pool = Pool(background(config), {each.id: each for each in known})

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Settle what is collected, so that a wrong word is one line and nothing has been started."""
        try:
            self._rows = self._chosen()
        except GauntletError as problem:
            raise pytest.UsageError(_ours(str(problem))) from None

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Put the cells behind whatever else the session collects."""
        report = yield
        if isinstance(collector, pytest.Session) and report.passed:
            report.result = [*report.result, CellRoot.from_parent(collector, name=ROOT, nodeid=ROOT, hooks=self)]
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Add the evidence; tell what could not be judged as an error, and a skip by its node id."""
        report = yield
        if not isinstance(item, Cell):
            return report
        if call.excinfo is not None and isinstance(call.excinfo.value, NotJudged):
            report.when = "setup"  # what pytest calls an error, rather than a failure
            report.longrepr = item.repr_failure(call.excinfo)  # of a setup pytest would show the traceback
        if report.skipped and isinstance(report.longrepr, tuple):
            # Without a line, which pytest prints no number for.
            report.longrepr = (item.nodeid, None, report.longrepr[2].removeprefix("Skipped: "))  # type: ignore[assignment]
        if call.when == "call":
            report.sections.extend(item.sections())
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> Status | None:
        """Show a recommendation that is not followed as passed, but not like any other."""
        if report.when == "call" and report.passed and (VERDICT, "warn") in map(tuple, report.user_properties):
            return "passed", "w", ("WARN", {"yellow": True})
        return None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note which servers were judged and what passed with a warning; of all workers, where there are any."""
        verdict = next((value for name, value in report.user_properties if name == VERDICT), None)
        if report.nodeid.startswith(f"{ROOT}::") and (report.when == "call" or report.outcome != "passed"):
            name = report.nodeid.removeprefix(f"{ROOT}::").partition("::")[0]
            nothing = report.skipped and verdict == Verdict.UNSUPPORTED
            self._judged[name] = self._judged.get(name, False) or not nothing
        if report.when == "call" and report.passed and (VERDICT, "warn") in map(tuple, report.user_properties):
            server = report.nodeid.removeprefix(f"{ROOT}::").rpartition("::")[0]
            self._warned.setdefault(server, []).append(report.nodeid)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what passed and is not as recommended, and where to read it."""
        for server, judged in self._judged.items():
            if not judged:
                terminalreporter.write_line(f"{server}: nothing was judged; -rs says why")
        if self._warned and not terminalreporter.config.getoption("verbose") < 0:
            terminalreporter.section("wsgi-gauntlet", yellow=True)
            for server, ids in self._warned.items():
                terminalreporter.line(f"{server}: recommendations (should) not followed: {len(ids)}")
            terminalreporter.line("-rP shows each, --wsgi-strict lets them fail")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """End with pytest's code for a run without tests where no cell was judged: such a run is no success."""
        if exitstatus == pytest.ExitCode.OK and self._judged and not any(self._judged.values()):
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED

    def collect(self) -> list[Row]:
        """Return the servers and their cases, which lie in the order that starts the fewest instances."""
        return self._rows

    def _chosen(self) -> list[Row]:
        option = self._config.getoption
        settings = configuration.read(self._config.rootpath / "pyproject.toml")
        levels = tuple(map(_level, option("wsgi_level")))
        selection = Selection(tuple(option("wsgi_select")), levels, tuple(option("wsgi_tag")))
        app = option("wsgi_app") or discover.REFERENCE_APP
        known = fitting(discover.cases(), selection, own_app=is_own(app))
        selected = chosen(known, selection)
        by_server: dict[str, list[Case]] = {}
        for id_ in self._ids:
            if id_ != ROOT:
                server, cases = _of_id(id_, known)
                by_server.setdefault(server, []).extend(cases)
        names = list(by_server)
        if not by_server:
            names = list(dict.fromkeys(option("wsgi_server")))
            if not names and not option("wsgi_command"):
                raise BadConfiguration(f"{ROOT} names no server: add --wsgi-server NAME")
        call = session.Call(
            servers=tuple(names),
            python=option("wsgi_python") or sys.executable,
            narrowing=Narrowing(page=page_of({"app": option("wsgi_app"), "path": option("wsgi_path")})),
            app=app,
            command=option("wsgi_command") or "",
        )
        accepted = option("wsgi_baseline") or settings.baseline
        if accepted:
            self.accepted = baseline.read(Path(self._config.invocation_params.dir, accepted))
        rows = []
        for plan in session.planned(call, settings, _Remarks(self._config)):
            cases = list({each.id: each for each in by_server.get(plan.name, selected)}.values())
            rows.append(Row(plan, [each for group in by_setup(cases).values() for each in group]))
        return rows


class _Remarks(Silence):
    """What is to be known before anything is collected: that an environment is made, which takes seconds."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def remark(self, text: str) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(text)


class CellRoot(pytest.Collector):
    """All cells of a session."""

    def __init__(self, *, hooks: Cells, **given: Any) -> None:
        super().__init__(**given)
        self._hooks = hooks

    def collect(self) -> Iterator[pytest.Collector]:
        """Yield a collector for each server."""
        for row in self._hooks.collect():
            yield CellRow.from_parent(self, name=row.name, nodeid=f"{ROOT}::{row.name}", hooks=self._hooks, row=row)


class CellRow(pytest.Collector):
    """The cells of one server."""

    def __init__(self, *, hooks: Cells, row: Row, **given: Any) -> None:
        super().__init__(**given)
        self._hooks = hooks
        self._row = row

    def collect(self) -> Iterator[pytest.Item]:
        """Yield an item for each case."""
        for case in self._row.cases:
            yield Cell.from_parent(
                self,
                name=case.id,
                nodeid=f"{ROOT}::{self._row.name}::{case.id}",
                hooks=self._hooks,
                plan=self._row.plan,
                case=case,
            )


class Cell(pytest.Item):
    """One case on one server."""

    def __init__(self, *, hooks: Cells, plan: Plan, case: Case, **given: Any) -> None:
        super().__init__(**given)
        self._hooks = hooks
        self._plan = plan
        self._case = case
        self._ran = False
        self.check: Check | None = None
        for name in markers_of(case):
            self.add_marker(name)

    def setup(self) -> None:
        """Have the server running: what that costs or how it fails is then told apart from the case."""
        try:
            self._hooks.pool.ready(self._plan, self._case)
        except Unsupported as reason:
            self.user_properties[:] = [(VERDICT, str(Verdict.UNSUPPORTED))]
            # Not a test left out but a verdict: the server has no way to do it. pytest has no other word for that.
            pytest.skip(f"unsupported: {reason}")
        except GauntletError as trouble:
            self.user_properties[:] = [(VERDICT, str(Verdict.ERROR))]
            raise NotJudged(str(trouble)) from None

    def runtest(self) -> None:
        """Run the case; return, skip or raise by its verdict and by what the baseline says of it."""
        self.check = None
        try:
            check = self._hooks.pool.cell(self._plan, self._case, afresh=self._ran)
        except GauntletError as trouble:
            self.user_properties[:] = [(VERDICT, str(Verdict.ERROR))]
            raise NotJudged(str(trouble)) from None
        self._ran = True
        if self._hooks.accepted is not None:
            server = planning.information(self._plan)
            check = baseline.held_against(self._hooks.accepted, server, check, self._hooks.today)
        self.check = check
        self.user_properties[:] = [(VERDICT, str(check.verdict))]
        said = discover.cell_words().one_line(check.actual)
        match check.verdict:
            case Verdict.ERROR:
                raise NotJudged(f"no verdict, for a reason that is not the server's fault: {said}")
            case Verdict.SKIPPED | Verdict.UNSUPPORTED:
                # Verdicts, too: what was not judged has neither passed nor failed, and must not count as either.
                pytest.skip(f"{check.verdict}: {said}")
        if self._excused(check) or self._fails(check):
            raise Blamed(discover.cell_words().failure(check, self._case.info(), self._hooks.given))

    def sections(self) -> list[tuple[str, str]]:
        """Return what a report shows beside the result."""
        if self.check is None:
            return []
        found: list[tuple[str, str]] = discover.cell_words().sections(self.check, self._case.info(), self._hooks.given)
        return found

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return the words of an error of ours as they are: its traceback says nothing to anybody."""
        if not isinstance(excinfo.value, Blamed | NotJudged | GauntletError):
            return super().repr_failure(excinfo, style)
        shown: Any = excinfo.getrepr(style="value")
        shown.reprcrash.path, shown.reprcrash.lineno = self.nodeid, 1
        blamed = isinstance(excinfo.value, Blamed) and self.check is not None
        shown.reprcrash.message = discover.cell_words().headline(self.check) if blamed else str(excinfo.value)
        return shown

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return where the item is and its title; there is no file."""
        return self.config.rootpath / ROOT, None, f"{self._plan.name} {self._case.id}"

    def _excused(self, check: Check) -> bool:
        """Mark the item as pytest marks an expected failure, and say whether it is one."""
        mark = check.baseline
        if mark is None:
            return False
        accepted = mark.standing is Standing.EXPECTED or (
            mark.standing is Standing.OTHER and check.verdict is Verdict.FLAKY
        )
        if accepted or mark.standing is Standing.UNEXPECTED_PASS:
            reason = mark.reason if mark.standing is Standing.EXPECTED else f"{mark.reason}; {baseline.told(check)}"
            self.own_markers[:] = [each for each in self.own_markers if each.name != "xfail"]
            self.add_marker(pytest.mark.xfail(reason=reason, strict=True, raises=Blamed))
        return accepted

    def _fails(self, check: Check) -> bool:
        return check.verdict in (Verdict.FAIL, Verdict.FLAKY) or (self._hooks.strict and check.verdict is Verdict.WARN)


def markers_of(case: Case) -> list[str]:
    """Return the markers of a case's items: all bear `wsgi_gauntlet`, then level and tags follow."""
    return ["wsgi_gauntlet", *(f"wsgi_{re.sub(r'[^0-9A-Za-z]', '_', each)}" for each in (case.level, *case.tags))]


def markers(known: Iterable[Case]) -> Mapping[str, str]:
    """Return every marker that items may bear, with what it means."""
    found = {"wsgi_gauntlet": "a case of wsgi-gauntlet on a server"}
    found |= {f"wsgi_{level}": f"a case of wsgi-gauntlet of the level {level}" for level in Level}
    for case in known:
        for name, tag in zip(markers_of(case)[2:], case.tags, strict=True):
            found.setdefault(name, f"a case of wsgi-gauntlet tagged {tag}")
    return found


def _ours(message: str) -> str:
    """Return a message of the command's with its options by the names that they have here."""
    return re.sub(r"(?<![\w-])--(app|command|level|path|python|select|tag)\b", r"--wsgi-\1", message)


def _level(text: str) -> Level:
    try:
        return Level(text)
    except ValueError:
        levels = list(map(str, Level))
        raise UnknownName(
            f"--level {text}: no such level{suggestion(text, levels)}; there are {', '.join(levels)}"
        ) from None


def _of_id(id_: str, known: Sequence[Case]) -> tuple[str, list[Case]]:
    """Return the server and the cases that a node id names; also an area's, `wsgi-gauntlet::gunicorn::http/framing`."""
    server, _, case = id_.removeprefix(f"{ROOT}::").partition("::")
    if not server.endswith(".py"):
        server = server.translate(str.maketrans("()", "[]"))
    found = [each for each in known if not case or each.id == case or each.id.startswith(f"{case.rstrip('/')}/")]
    if not found:
        raise UnknownName(f"not found: {id_}{suggestion(case, [each.id for each in known])}")
    return server, found
