"""Show cells as pytest items: collected without files, run one by one, reported with the text of the case.

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

from wsgi_gauntlet.harness import config as configuration
from wsgi_gauntlet.harness import registry, session
from wsgi_gauntlet.harness.baseline import comparison, parser
from wsgi_gauntlet.harness.baseline.entries import Baseline
from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.conformance.runner import group_by_setup
from wsgi_gauntlet.harness.conformance.selection import Selection, chosen, runnable_cases
from wsgi_gauntlet.harness.errors import ConfigurationError, GauntletError, UnknownName, Unsupported
from wsgi_gauntlet.harness.events import Event, Message
from wsgi_gauntlet.harness.exclusions import Exclusions, check_names
from wsgi_gauntlet.harness.load.options import LoadOptions, user_app_page
from wsgi_gauntlet.harness.model import BaselineStatus, CaseResult, Level, Verdict
from wsgi_gauntlet.harness.model.naming import did_you_mean
from wsgi_gauntlet.harness.pytest_plugin.instance_pool import InstancePool
from wsgi_gauntlet.harness.pytest_plugin.plugin import ROOT_NODE_ID, trio_thread
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.user_app import is_user_app
from wsgi_gauntlet.harness.store import rerun_command
from wsgi_gauntlet.harness.workflow_commands import escape_commands
from wsgi_gauntlet.reports.text import failure_report

VERDICT_PROPERTY = "wsgi_verdict"
"""The report property with the verdict, for `-rA`, --junit-xml and other plugins."""


ReportStatus = tuple[str, str, tuple[str, dict[str, bool]]]
"""A test status as pytest defines it: category, letter, and word with colour."""


class CaseFailed(Exception):
    """The cell fails. The text of the error is the report."""


class CaseNotJudged(Exception):
    """The cell has no verdict, and the server is not the cause."""


@dataclass(frozen=True)
class ServerCases:
    """One server and the cases that are its items."""

    plan: Plan
    cases: Sequence[Case]

    @property
    def name(self) -> str:
        """The server's name in node ids, such as `gunicorn(workers=2)`: brackets mark parameters in pytest."""
        return self.plan.name.translate(str.maketrans("[]", "()"))


class ConformancePlugin:
    """The hooks of a pytest session with cells. `ids` are the node ids on the command line: if any, only they run."""

    def __init__(self, config: pytest.Config, ids: Sequence[str]) -> None:
        self._config = config
        self._ids = ids
        self._collected: list[ServerCases] = []
        self._warned_ids: dict[str, list[str]] = {}
        self._server_judged: dict[str, bool] = {}
        self.strict: bool = config.getoption("wsgi_strict")
        self.given = rerun_command.options(
            python=config.getoption("wsgi_python") or "",
            app=config.getoption("wsgi_app") or "",
            command=config.getoption("wsgi_command") or "",
            page=config.getoption("wsgi_app_path") or "/",
        )
        self.today = dt.datetime.now().astimezone().date()
        self.accepted: Baseline | None = None
        try:
            known = registry.cases()
        except GauntletError as problem:
            raise pytest.UsageError(str(problem)) from None
        for name, words in markers(known).items():
            config.addinivalue_line("markers", f"{name}: {words}")
        self.pool: InstancePool = InstancePool(trio_thread(config), {each.id: each for each in known})

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Select the cells before anything is started, so that a wrong option is a one-line error."""
        try:
            self._collected = self._select_cases()
        except GauntletError as problem:
            raise pytest.UsageError(_with_plugin_options(str(problem))) from None

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Put the cells behind all other items of the session."""
        report = yield
        if isinstance(collector, pytest.Session) and report.passed:
            report.result = [
                *report.result,
                ConformanceCollector.from_parent(collector, name=ROOT_NODE_ID, nodeid=ROOT_NODE_ID, hooks=self),
            ]
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Add the evidence. Report a cell without verdict as an error, and a skip with its node id."""
        report = yield
        if not isinstance(item, CaseItem):
            return report
        if call.excinfo is not None and isinstance(call.excinfo.value, CaseNotJudged):
            report.when = "setup"  # pytest reports it as an error then, not as a failure
            report.longrepr = item.repr_failure(call.excinfo)  # pytest would show the traceback of a setup
        if report.skipped and isinstance(report.longrepr, tuple):
            # pytest prints no line number for None.
            report.longrepr = (item.nodeid, None, report.longrepr[2].removeprefix("Skipped: "))  # type: ignore[assignment]
        if call.when == "call":
            report.sections.extend(item.sections())
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> ReportStatus | None:
        """Show a cell with the verdict `warn` as passed, with a letter of its own."""
        if report.when == "call" and report.passed and (VERDICT_PROPERTY, "warn") in map(tuple, report.user_properties):
            return "passed", "w", ("WARN", {"yellow": True})
        return None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember which servers were judged and which cells have the verdict `warn`, from all xdist workers."""
        verdict = next((value for name, value in report.user_properties if name == VERDICT_PROPERTY), None)
        if report.nodeid.startswith(f"{ROOT_NODE_ID}::") and (report.when == "call" or report.outcome != "passed"):
            name = report.nodeid.removeprefix(f"{ROOT_NODE_ID}::").partition("::")[0]
            unjudged = report.skipped and verdict == Verdict.UNSUPPORTED
            self._server_judged[name] = self._server_judged.get(name, False) or not unjudged
        if report.when == "call" and report.passed and (VERDICT_PROPERTY, "warn") in map(tuple, report.user_properties):
            server = report.nodeid.removeprefix(f"{ROOT_NODE_ID}::").rpartition("::")[0]
            self._warned_ids.setdefault(server, []).append(report.nodeid)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print servers that were not judged and the number of recommendations that servers do not follow."""
        for server, judged in self._server_judged.items():
            if not judged:
                terminalreporter.write_line(f"{server}: nothing was judged; -rs says why")
        if self._warned_ids and not terminalreporter.config.getoption("verbose") < 0:
            terminalreporter.section("wsgi-gauntlet", yellow=True)
            for server, ids in self._warned_ids.items():
                terminalreporter.line(f"{server}: recommendations (should) not followed: {len(ids)}")
            terminalreporter.line("-rP shows each, --wsgi-strict lets them fail")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """End with pytest's code for a run without tests if no cell was judged: such a run is no success."""
        if exitstatus == pytest.ExitCode.OK and self._server_judged and not any(self._server_judged.values()):
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED

    def collect(self) -> list[ServerCases]:
        """Return the servers and their cases, in the order that starts the fewest instances."""
        return self._collected

    def _select_cases(self) -> list[ServerCases]:
        option = self._config.getoption
        settings = configuration.load_nearest(self._config.rootpath)
        levels = tuple(map(_parse_level, option("wsgi_level")))
        selection = Selection(tuple(option("wsgi_select")), levels, tuple(option("wsgi_tag")))
        app = option("wsgi_app") or registry.REFERENCE_APP
        known = runnable_cases(registry.cases(), selection, own_app=is_user_app(app))
        check_names(option("wsgi_exclude"), registry.cases(), None)
        selection = Exclusions(tuple(option("wsgi_exclude")), settings.exclude).narrow(selection, known)
        selected = chosen(known, selection)
        by_server: dict[str, list[Case]] = {}
        for id_ in self._ids:
            if id_ != ROOT_NODE_ID:
                server, cases = _parse_node_id(id_, known)
                by_server.setdefault(server, []).extend(cases)
        names = list(by_server)
        if not by_server:
            names = list(dict.fromkeys(option("wsgi_server")))
            if not names and not option("wsgi_command"):
                raise ConfigurationError(f"{ROOT_NODE_ID} names no server: add --wsgi-server NAME")
        call = session.RunOptions(
            servers=tuple(names),
            python=option("wsgi_python") or sys.executable,
            load_options=LoadOptions(page=user_app_page(option("wsgi_app"), option("wsgi_app_path"))),
            app=app,
            command=option("wsgi_command") or "",
        )
        accepted = option("wsgi_baseline") or settings.baseline
        if accepted:
            self.accepted = parser.read(
                Path(self._config.invocation_params.dir, accepted), [each.id for each in registry.cases()]
            )
        rows = []
        for plan in session.plan_servers(call, settings, self._print_message):
            cases = list({each.id: each for each in by_server.get(plan.name, selected)}.values())
            rows.append(ServerCases(plan, [each for group in group_by_setup(cases).values() for each in group]))
        return rows

    def _print_message(self, event: Event) -> None:
        # Making an environment takes seconds before anything is collected.
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and isinstance(event, Message):
            reporter.write_line(escape_commands(event.text))


class ConformanceCollector(pytest.Collector):
    """All cells of a pytest session."""

    def __init__(self, *, hooks: ConformancePlugin, **given: Any) -> None:
        super().__init__(**given)
        self._hooks = hooks

    def collect(self) -> Iterator[pytest.Collector]:
        """Yield a collector for each server."""
        for server_cases in self._hooks.collect():
            yield ServerCollector.from_parent(
                self,
                name=server_cases.name,
                nodeid=f"{ROOT_NODE_ID}::{server_cases.name}",
                hooks=self._hooks,
                server_cases=server_cases,
            )


class ServerCollector(pytest.Collector):
    """The cells of one server."""

    def __init__(self, *, hooks: ConformancePlugin, server_cases: ServerCases, **given: Any) -> None:
        super().__init__(**given)
        self._hooks = hooks
        self._server_cases = server_cases

    def collect(self) -> Iterator[pytest.Item]:
        """Yield an item for each case."""
        for case in self._server_cases.cases:
            yield CaseItem.from_parent(
                self,
                name=case.id,
                nodeid=f"{ROOT_NODE_ID}::{self._server_cases.name}::{case.id}",
                hooks=self._hooks,
                plan=self._server_cases.plan,
                case=case,
            )


class CaseItem(pytest.Item):
    """One case on one server."""

    def __init__(self, *, hooks: ConformancePlugin, plan: Plan, case: Case, **given: Any) -> None:
        super().__init__(**given)
        self._hooks = hooks
        self._plan = plan
        self._case = case
        self._has_run = False
        self.check: CaseResult | None = None
        for name in markers_of(case):
            self.add_marker(name)

    def setup(self) -> None:
        """Start the server here, so that pytest shows the time and errors of the start separately from the case."""
        try:
            self._hooks.pool.ensure_instance(self._plan, self._case)
        except Unsupported as reason:
            self.user_properties[:] = [(VERDICT_PROPERTY, str(Verdict.UNSUPPORTED))]
            # `unsupported` is a verdict. pytest has no other status for it.
            pytest.skip(f"unsupported: {reason}")
        except GauntletError as error:
            self.user_properties[:] = [(VERDICT_PROPERTY, str(Verdict.ERROR))]
            raise CaseNotJudged(str(error)) from None

    def runtest(self) -> None:
        """Run the case; return, skip or raise as its verdict and the baseline require."""
        self.check = None
        try:
            check = self._hooks.pool.cell(self._plan, self._case, rerun=self._has_run)
        except GauntletError as error:
            self.user_properties[:] = [(VERDICT_PROPERTY, str(Verdict.ERROR))]
            raise CaseNotJudged(str(error)) from None
        self._has_run = True
        if self._hooks.accepted is not None:
            server = planning.server_info(self._plan)
            check = comparison.apply_baseline(self._hooks.accepted, server, check, self._hooks.today)
        self.check = check
        self.user_properties[:] = [(VERDICT_PROPERTY, str(check.verdict))]
        actual_line = failure_report.one_line(check.actual)
        match check.verdict:
            case Verdict.ERROR:
                raise CaseNotJudged(f"no verdict, for a reason that is not the server's fault: {actual_line}")
            case Verdict.SKIPPED | Verdict.UNSUPPORTED:
                # These cells have neither passed nor failed.
                pytest.skip(f"{check.verdict}: {actual_line}")
        if self._mark_expected(check) or self._is_failure(check):
            raise CaseFailed(failure_report.failure(check, self._case.info(), self._hooks.given))

    def sections(self) -> list[tuple[str, str]]:
        """Return the sections of the report."""
        if self.check is None:
            return []
        return failure_report.sections(self.check, self._case.info(), self._hooks.given)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return the text of an error that explains itself: its traceback does not help the user."""
        if not isinstance(excinfo.value, CaseFailed | CaseNotJudged | GauntletError):
            return super().repr_failure(excinfo, style)
        shown: Any = excinfo.getrepr(style="value")
        shown.reprcrash.path, shown.reprcrash.lineno = self.nodeid, 1
        for entry in shown.reprtraceback.reprentries:
            entry.lines[:] = map(escape_commands, entry.lines)
        blamed = self.check if isinstance(excinfo.value, CaseFailed) else None
        message = failure_report.headline(blamed) if blamed is not None else str(excinfo.value)
        shown.reprcrash.message = escape_commands(message)
        return shown

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return the location and the title of the item; there is no file."""
        return self.config.rootpath / ROOT_NODE_ID, None, f"{self._plan.name} {self._case.id}"

    def _mark_expected(self, check: CaseResult) -> bool:
        """Mark the item as pytest marks an expected failure, and say whether it is one."""
        mark = check.baseline
        if mark is None:
            return False
        accepted = mark.status is BaselineStatus.EXPECTED or (
            mark.status is BaselineStatus.OTHER and check.verdict is Verdict.FLAKY
        )
        if accepted or mark.status is BaselineStatus.UNEXPECTED_PASS:
            reason = (
                mark.reason
                if mark.status is BaselineStatus.EXPECTED
                else f"{mark.reason}; {comparison.describe_status(check)}"
            )
            self.own_markers[:] = [each for each in self.own_markers if each.name != "xfail"]
            self.add_marker(pytest.mark.xfail(reason=reason, strict=True, raises=CaseFailed))
        return accepted

    def _is_failure(self, check: CaseResult) -> bool:
        return check.verdict in (Verdict.FAIL, Verdict.FLAKY) or (self._hooks.strict and check.verdict is Verdict.WARN)


def markers_of(case: Case) -> list[str]:
    """Return the markers of a case's items: `wsgi_gauntlet`, then level and tags."""
    return ["wsgi_gauntlet", *(f"wsgi_{re.sub(r'[^0-9A-Za-z]', '_', each)}" for each in (case.level, *case.tags))]


def markers(known: Iterable[Case]) -> Mapping[str, str]:
    """Return all markers of items with their meaning."""
    found = {"wsgi_gauntlet": "a case of wsgi-gauntlet on a server"}
    found |= {f"wsgi_{level}": f"a case of wsgi-gauntlet of the level {level}" for level in Level}
    for case in known:
        for name, tag in zip(markers_of(case)[2:], case.tags, strict=True):
            found.setdefault(name, f"a case of wsgi-gauntlet tagged {tag}")
    return found


def _with_plugin_options(message: str) -> str:
    """Return an error message of the command with the option names of the plugin."""
    return re.sub(r"(?<![\w-])--(app-path|app|command|exclude|level|python|select|tag)\b", r"--wsgi-\1", message)


def _parse_level(text: str) -> Level:
    try:
        return Level(text)
    except ValueError:
        levels = list(map(str, Level))
        raise UnknownName(
            f"--level {text}: no such level{did_you_mean(text, levels)}; there are {', '.join(levels)}"
        ) from None


def _parse_node_id(id_: str, known: Sequence[Case]) -> tuple[str, list[Case]]:
    """Return the server and the cases of a node id, which may name an area: `wsgi-gauntlet::gunicorn::http/framing`."""
    server, _, case = id_.removeprefix(f"{ROOT_NODE_ID}::").partition("::")
    if not server.endswith(".py"):
        server = server.translate(str.maketrans("()", "[]"))
    found = [each for each in known if not case or each.id == case or each.id.startswith(f"{case.rstrip('/')}/")]
    if not found:
        raise UnknownName(f"not found: {id_}{did_you_mean(case, [each.id for each in known])}")
    return server, found
