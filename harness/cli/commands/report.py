"""`wsgi-gauntlet report`: the report of runs that exist."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import click
import msgspec

from wsgi_gauntlet.harness.cli.execute import print_message, show
from wsgi_gauntlet.harness.cli.options import BaseOption, Option, OutputsOption, VerboseOption, command, path_argument
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.events import Message

REPORT_EXIT_CODES = """
\b
Exit codes:
  0    the report is written, whatever its verdicts are
  2    wrong usage; RUN is not a run folder or a results.json
  4    error: the disk is full, or the harness failed
"""


@dataclass(frozen=True, kw_only=True)
class ReportArguments:
    """The options of `report`."""

    runs: Annotated[
        tuple[Path, ...], click.Argument(["runs"], nargs=-1, required=True, metavar="RUN...", type=path_argument)
    ]
    out: Annotated[
        Path | None, Option(["--out"], type=path_argument, metavar="DIR", help="Folder of the report [the run folder].")
    ]
    base: BaseOption
    outputs: OutputsOption
    verbose: VerboseOption
    split: Annotated[
        bool,
        Option(
            ["--split"],
            is_flag=True,
            help="Also write pages/: pages without scripts and inline styles, for viewers such as Jenkins.",
        ),
    ]
    pictures: Annotated[
        tuple[str, ...],
        Option(
            ["--picture", "pictures"],
            multiple=True,
            metavar="[CHART=]FILE",
            help="Write a chart as SVG, PNG or PDF, by the suffix [N* of every server]. Repeatable.",
        ),
    ]


@command(ReportArguments, epilog=REPORT_EXIT_CODES)
def report(arguments: ReportArguments) -> None:
    """Write the report of one run, or merge several runs.

    RUN is a run folder, also of an interrupted run, or a results.json. If two runs have the same cell, the later one
    counts. Parts of a run (--shard) are only joined with parts of the same run.
    """
    from wsgi_gauntlet.harness import registry
    from wsgi_gauntlet.harness.public_results import private_names, publish
    from wsgi_gauntlet.harness.store import journal
    from wsgi_gauntlet.harness.store.merge import merge
    from wsgi_gauntlet.harness.store.output_folder import check_output_files
    from wsgi_gauntlet.harness.store.output_format import write_outputs
    from wsgi_gauntlet.harness.store.page_folder import remove_pages, require_page_folder, write_pages
    from wsgi_gauntlet.harness.store.run_parts import inspect_parts
    from wsgi_gauntlet.reports.writers import json as results_file
    from wsgi_gauntlet.reports.writers.pages.static_pages import static_pages
    from wsgi_gauntlet.reports.writers.picture import draw_pictures, parse_request

    runs = arguments.runs
    loaded = [registry.load_results(each) for each in runs]
    parts = inspect_parts(dict(zip(map(str, runs), loaded, strict=True)))
    if parts.mixed:
        raise ConfigurationError(parts.mixed)
    if parts.missing:
        print_message(Message(parts.missing))
    results = merge(loaded)
    if arguments.base is not None:
        results = msgspec.structs.replace(results, base=registry.load_base(arguments.base))
    if arguments.out is None and (len(runs) > 1 or not runs[0].is_dir()):
        raise ConfigurationError("a report of several runs, or of a results.json, needs a folder: name it with --out")
    folder = arguments.out or runs[0]
    files = arguments.outputs.files
    requests = [parse_request(each) for each in arguments.pictures]
    check_output_files(files, folder)
    for place, each in enumerate(requests):
        check_output_files({**files, "picture": each.path}, folder)
        if each.path.resolve() in (earlier.path.resolve() for earlier in requests[:place]):
            raise ConfigurationError(f"--picture {each.path}: two charts have the same file; name another file")
    if arguments.split:
        require_page_folder(folder)
    shown = publish(results, private_names(results, [folder, *runs])) if arguments.outputs.public else results
    pictures = draw_pictures(shown, requests)
    # Without a journal, the files there are the only ones with some of the evidence.
    has_journal = len(runs) == 1 and folder == runs[0] and journal.journal_path(folder).exists()
    outputs = dict(registry.outputs())
    if not has_journal:
        outputs["json"] = replace(outputs["json"], parts=partial(results_file.parts, has_journal=False))
    keep_files = any(folder.resolve() in (each, each.parent) for each in map(Path.resolve, runs)) and (
        journal.journal_path(folder).exists()
    )
    with journal.open_report_folder(folder, keep_files=keep_files) as previous_folder:
        if previous_folder is not None:
            print_message(Message(f"the earlier files of {folder} were moved to {previous_folder}"))
        write_outputs(shown, folder, outputs, files)
        for path, picture in pictures.items():
            journal.write_bytes(path, [picture])
        if arguments.split:
            pages = write_pages(folder, static_pages(shown))
            print_message(Message(f"pages without scripts: {pages / 'index.html'}"))
        elif remove_pages(folder):
            print_message(Message("the earlier pages without scripts were removed; --split writes new ones"))
    show(results, folder, arguments.outputs, verbose=arguments.verbose, published=shown)
