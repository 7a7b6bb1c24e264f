"""`wsgi-gauntlet run`: check and load."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from wsgi_gauntlet.harness.cli.execute import case_selection, run_and_exit, run_options
from wsgi_gauntlet.harness.cli.group import EXIT_CODES_HELP
from wsgi_gauntlet.harness.cli.options import (
    CONFIGURATION_HELP,
    SERVER_NAMES_HELP,
    BaselineArguments,
    Option,
    ThresholdOption,
    command,
)


@dataclass(frozen=True, kw_only=True)
class RunCommandArguments(BaselineArguments):
    """The options of `run`."""

    full: Annotated[
        bool, Option(["--full"], is_flag=True, help="Run every scenario with its long parameters: takes hours.")
    ]
    threshold: ThresholdOption


@command(RunCommandArguments, epilog=SERVER_NAMES_HELP + CONFIGURATION_HELP + EXIT_CODES_HELP)
def run(arguments: RunCommandArguments) -> None:
    """Check servers, put them under load and write a report.

    Without SERVER, the harness tests every installed server. It sends each case whole and in one other segmentation.
    `check`, and `run --full`, use all four segmentations.
    """
    options = run_options(arguments, full=arguments.full)
    run_and_exit(
        replace(
            options,
            cases=case_selection(),
            scenarios=(),
            thresholds=arguments.threshold,
            base=arguments.base,
            baseline=arguments.baseline,
            update_baseline=arguments.update_baseline,
            keep_evidence=arguments.keep_evidence or "",
        ),
        arguments,
    )
