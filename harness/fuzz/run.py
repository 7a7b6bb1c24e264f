"""Run the fuzzer until its end, an error or a signal, and write the files of its result."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import trio

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance.validity import StallClock
from wsgi_gauntlet.harness.errors import GauntletError, reportable_error
from wsgi_gauntlet.harness.fuzz import case_file
from wsgi_gauntlet.harness.fuzz.byte_shapes import escaped
from wsgi_gauntlet.harness.fuzz.campaign import Campaign, Fuzzer, FuzzOptions, ProgressHandler
from wsgi_gauntlet.harness.fuzz.catalogue_vectors import catalogue_vectors
from wsgi_gauntlet.harness.fuzz.causes import Cause
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.temp_dirs import RunFolders, scratch_folder
from wsgi_gauntlet.harness.shutdown_signals import run_until_signal
from wsgi_gauntlet.harness.store import journal, output_folder

FOLDER_MARKER = "fuzz"
"""The text in the marker file of a folder that `open_folder` made."""

CASES_FILE, RESULT_FILE, SUMMARY_FILE, LOGS_FOLDER = "cases.toml", "fuzz.json", "summary.md", "logs"

INTERRUPTED = "interrupted"
"""Why a run stopped that a signal ended."""


def fuzz(
    plans: Sequence[Plan], options: FuzzOptions, folder: Path, on_progress: ProgressHandler
) -> tuple[Campaign, BaseException | None]:
    """Run the fuzzer on `plans`, the reference server first; the logs of the servers go into `folder`.

    Return the result, and the error that ended the run early. After an error or a signal the result is what was found
    so far. Raises the error if no input was compared.
    """
    vectors = catalogue_vectors(registry.cases())
    logs = folder / LOGS_FOLDER
    logs.mkdir(exist_ok=True)
    with scratch_folder() as scratch:
        fuzzer = Fuzzer(plans, options, RunFolders(scratch, logs), vectors, on_progress)
        try:
            interrupted = trio.run(run_until_signal, fuzzer.run, clock=StallClock())
        except BaseExceptionGroup as group:
            error = reportable_error(group)
            result = fuzzer.result(str(error).partition("\n")[0])
            if not (isinstance(error, GauntletError) and result.sent):
                raise error from None
            return result, error
    return fuzzer.result(INTERRUPTED if interrupted else ""), None


def require_folder(folder: Path) -> None:
    """Raise ConfigurationError if the output folder has other files, or cannot be written. Nothing is changed."""
    output_folder.require_output_folder(folder, FOLDER_MARKER)


@contextlib.contextmanager
def open_folder(folder: Path) -> Iterator[Path | None]:
    """Create and lock the output folder. The files of an earlier run move to another folder: a user may have edited
    its case file.

    Yields that other folder, None if there is none. Raises ConfigurationError if the folder cannot be used.
    """
    lock = journal.lock_folder(folder, FOLDER_MARKER)
    try:
        yield journal.move_to_previous(folder, (CASES_FILE, RESULT_FILE, SUMMARY_FILE, LOGS_FOLDER))
    finally:
        os.close(lock)


def write(campaign: Campaign, folder: Path, summary: str) -> None:
    """Write the case file, the result and `summary` into `folder`. Raises StorageFull."""
    versions = ", ".join(f"{name} {version}".strip() for name, version in campaign.servers.items())
    header = f"wsgi-gauntlet fuzz: seed {campaign.seed}, {campaign.sent} inputs, {versions}"
    journal.write_text(folder / CASES_FILE, case_file.render(campaign.causes, header))
    journal.write_text(folder / RESULT_FILE, as_json(campaign))
    journal.write_text(folder / SUMMARY_FILE, summary)


def as_json(campaign: Campaign) -> str:
    """Return the result as a JSON document."""
    document = {
        "seed": campaign.seed,
        "planned_inputs": campaign.planned,
        "inputs": campaign.sent,
        "servers": dict(campaign.servers),
        "disagreeing_inputs": dict(campaign.disagreeing),
        "not_repeated": campaign.not_repeated,
        "left_over": campaign.left_over,
        "stopped": campaign.stopped,
        "causes": [_cause_document(each) for each in campaign.causes],
    }
    return json.dumps(document, indent=1) + "\n"


def _cause_document(cause: Cause) -> dict[str, object]:
    return {
        "id": cause.id,
        "bytes": escaped(cause.data),
        "size": len(cause.data),
        "traits": [str(each) for each in sorted(cause.traits)],
        "sections": list(cause.sections),
        "aspect": cause.difference.aspect,
        "reference": cause.difference.reference,
        "other": cause.difference.other,
        "servers": list(cause.servers),
        "inputs": cause.inputs,
        "cases": list(cause.cases),
        "reactions": {name: observed.describe() for name, observed in cause.reactions.items()},
    }
