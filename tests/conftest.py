"""What holds for every test."""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import signal
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import wsgi_gauntlet

LONGEST = (
    "test_reference_server",
    "test_compare",
    "test_restricted_environments",
    "test_pep3333",
    "test_hostile_server",
    "test_reproducers",
    "test_tutorial",
    "test_claims",
)
"""Files with tests that take three quarters of a minute or longer in CI, those that take longest in all first.

If one of these tests starts last, all other processes wait for it.
"""

NOT_MEASURED = (
    "test_a_lock_is_found_in_spite_of_noise",
    "test_a_result_comes_out_of_the_pipe_as_it_went_in",
    "test_a_server_is_judged_as_without_the_app",
    "test_a_server_that_takes_no_cuts_is_blamed_for_that_alone",
    "test_a_server_that_takes_three_times_as_long_is_slower",
    "test_above_fifteen_servers_the_matrix_is_turned",
    "test_adapters",
    "test_an_app_that_computes_gets_a_worker_for_each_core_in_spite_of_noise",
    "test_an_app_that_waits_gets_threads_in_spite_of_noise",
    "test_any_table_is_read_or_rejected_in_one_line",
    "test_cases_find_their_faults",
    "test_comparison_error_rates",
    "test_every_case_and_scenario_is_at_its_permanent_address",
    "test_every_case_can_be_explained",
    "test_every_case_can_be_given_away",
    "test_every_case_passes_on_the_reference_server",
    "test_every_chart_is_drawn_in_its_size_and_colours",
    "test_every_link_inside_the_site_leads_somewhere",
    "test_gunicorn_by_hand_gets_the_verdicts_of_gunicorn",
    "test_hostile_evidence",
    "test_hostile_names_are_drawn_without_warnings",
    "test_it_fits",
    "test_killed_leaves_nothing_and_can_be_reported",
    "test_merge_properties",
    "test_merging_is_the_same_in_any_order",
    "test_no_answer_breaks_the_reader_and_pieces_never_matter",
    "test_no_trait_is_new_and_the_result_is_the_same_each_time",
    "test_noise_never_raises",
    "test_pep3333",
    "test_pypy_serves_the_reference_app",
    "test_real_servers_pass_every_case_except_django_head",
    "test_retired_words",
    "test_shards_of_the_same_samples_merge_to_the_same_bytes",
    "test_texts_of_servers_and_apps_add_no_markup",
    "test_the_interval_holds_the_truth",
    "test_the_tables_before_it_fit_too",
    "test_until_decided_stops_at_a_large_difference",
    "test_what_they_keep_passes",
    "test_widths",
)
"""Names of tests, or of their files, that run the same lines again and again; other tests run these lines as well.

To measure their coverage doubles their CPU time.
"""

NOT_IMPORTED = (
    "wsgi_gauntlet.suites.testapp",
    "wsgi_gauntlet.__main__",
    "wsgi_gauntlet.servers.reference_server.__main__",
    "wsgi_gauntlet.harness.server.process.fork_server_main",
)
"""Modules that only servers import, and programs."""

FIRST_WORKER = "gw0"

TESTS = Path(__file__).resolve().parent

# How long an example takes says something of the machine alone.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")

# A shell's `&` and nohup have what they start ignore these, and the programs that tests start inherit that. Those that
# are to be ended by a signal would then never be.
for number, action in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, action)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Measure no coverage while pytest collects: that takes each process 7 s of CPU time.

    To import the program is measured, in the first process of pytest-xdist for all.
    """
    coverage = getattr(session.config.pluginmanager.get_plugin("_cov"), "cov_controller", None)
    if coverage is not None and (not coverage.started or session.config.getoption("numprocesses", None)):
        coverage = None
    worker = os.environ.get("PYTEST_XDIST_WORKER", FIRST_WORKER)
    if coverage is not None:
        if worker == FIRST_WORKER:
            import_program()
        coverage.pause()
    import_tests(files_with_tests(session.config.args), worker, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
    try:
        return (yield)
    finally:
        if coverage is not None:
            coverage.resume()


def import_program() -> None:
    """Import all modules of the program but those that need another environment."""
    for each in pkgutil.walk_packages(wsgi_gauntlet.__path__, "wsgi_gauntlet.", onerror=lambda _name: None):
        if not each.name.startswith(NOT_IMPORTED):
            importlib.import_module(each.name)


def files_with_tests(arguments: Sequence[str]) -> list[Path]:
    """Return the files with tests in the folders among the arguments of pytest."""
    return sorted(file.resolve() for each in arguments if Path(each).is_dir() for file in Path(each).rglob("test_*.py"))


def import_tests(files: Sequence[Path], worker: str, workers: int) -> None:
    """Import `files`. Each of several processes of pytest-xdist begins at another place, and goes round.

    pytest imports them in the same order in each process. So in a new clone each process would compile each of them.
    """
    if workers == 1:
        return
    start = int(worker.removeprefix("gw")) * len(files) // workers
    for each in (*files[start:], *files[:start]):
        with suppress(Exception, pytest.skip.Exception, pytest.fail.Exception):  # pytest imports it again, and says why
            importlib.import_module(".".join(each.relative_to(TESTS.parent).with_suffix("").parts))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests for the processes of pytest-xdist, and say what is not measured."""
    for each in items:
        if each.path.stem in NOT_MEASURED or getattr(each, "originalname", "") in NOT_MEASURED:
            each.add_marker("no_cover")
    items[:] = in_shares(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def in_shares(items: Sequence[pytest.Item], processes: int) -> list[pytest.Item]:
    """Return `items` in equal shares, as pytest-xdist deals them to `processes`: the live tests are in all shares but
    the last one.

    Most live tests wait, for servers and for times; all others compute. So both run side by side until the end of the
    others. The longest tests are the first in a share, and then the live ones. A process that has nothing left takes
    the last tests of another one.
    """
    longest = sorted(
        (each for each in items if each.path.stem in LONGEST), key=lambda each: LONGEST.index(each.path.stem)
    )
    live = [each for each in items if each.path.stem not in LONGEST and each.get_closest_marker("live")]
    others = [each for each in items if each.path.stem not in LONGEST and not each.get_closest_marker("live")]
    ordered: list[pytest.Item] = []
    with_live = max(1, processes - 1)
    for number in range(processes):
        size = (len(items) - len(ordered)) // (processes - number)
        share: list[pytest.Item] = []
        if number < with_live:
            share = longest[number::with_live]
            of_live = len(live) // (with_live - number)
            share += live[:of_live]
            del live[:of_live]
        of_others = max(0, size - len(share))
        ordered += [*share, *others[:of_others]]
        del others[:of_others]
    return [*ordered, *others]


@pytest.fixture(autouse=True, scope="session")
def _keep_tests_from_the_garbage_collector() -> Iterator[None]:
    """Freeze what pytest has collected, and keep it frozen.

    The harness collects garbage before each phase of load. Among the objects of 7,000 tests that takes 0.6 s of CPU
    time, in the program 0.02 s.
    """
    gc.collect()
    gc.freeze()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("freeze", "unfreeze"):
            patch.setattr(gc, name, lambda: None)
        yield
