"""Results for other people: without paths, user names and host names of the machine that made them.

`publish` is pure. `private_names` asks this machine. The journal and the logs of a run keep everything.
"""

from __future__ import annotations

import contextlib
import enum
import getpass
import re
import shlex
import socket
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from wsgi_gauntlet.harness.errors import TargetRefused
from wsgi_gauntlet.harness.model import CONFIGURATION_KEY, Evidence, Results
from wsgi_gauntlet.harness.server.remote.target import parse_target
from wsgi_gauntlet.harness.server.temp_dirs import SCRATCH_PREFIX
from wsgi_gauntlet.harness.store.compressed_lines import Place
from wsgi_gauntlet.harness.store.rerun_command import given
from wsgi_gauntlet.harness.store.stored_evidence import JournalFile, StoredEvidence

HOME, RUN_FOLDER, PYTHON_FOLDER, PROGRAM_FOLDER, SCRATCH_FOLDER = "~", "RUN", "PYTHON", "WSGI-GAUNTLET", "SCRATCH"
FILES_FOLDER, CURRENT_FOLDER, USER, HOST = "FILES", ".", "USER", "HOST"
"""What stands in place of a path or a name."""

COMMON_FOLDERS = frozenset({"/", "/usr", "/usr/local", "/bin", "/opt", tempfile.gettempdir(), "/var", "/srv", "/home"})
"""Folders that many machines have: their names say nothing about this one."""

COMMON_NAMES = frozenset({"root", "user", "admin", "localhost", "test", "nobody", "host", "server"})
"""Names of users and hosts that say nothing about this machine, and that are usual words."""

MIN_NAME_CHARACTERS = 3
"""Shorter names of users and hosts are parts of many words and say little."""

IDENTIFYING_FIELDS = frozenset({
    "server", "case", "scenario", "name", "id", "title", "tags", "variant", "phase",
    "candidate", "winner", "runner_up", "finalists", "better",
})  # fmt: skip
"""Fields that identify a cell in every output. Paths are replaced in them, but no names: `test` may be a case."""

CATALOGUE_FIELDS = frozenset({"cases", "scenarios"})
"""Fields of Results that come from the catalogue."""


@dataclass(frozen=True)
class PrivateNames:
    """What to replace: `paths` (path to replacement), and `names` of users and hosts in free text."""

    paths: Mapping[str, str]
    names: Mapping[str, str]


def private_names(results: Results, folders: Iterable[Path] = ()) -> PrivateNames:
    """Return the paths and names of this machine, and those that `results` have from theirs.

    `folders` are the run folders.
    """
    paths: dict[str, str] = {str(each.absolute()): RUN_FOLDER for each in folders}
    paths |= {str(each.resolve()): RUN_FOLDER for each in folders}
    environments = _environments(results)
    infos = [*results.servers.values(), *(results.base.servers.values() if results.base is not None else ())]
    options = [*(word for each in environments for word in given(each)), *_comparison_words(results)]
    words = [*options, *(each.python for each in infos), sys.executable]
    pythons = {each for each in words if each.startswith("/") and Path(each).parent.name == "bin"}
    for each in sorted(pythons):
        paths.setdefault(str(Path(each).parent.parent), PYTHON_FOLDER)
    files = [file for each in infos for file in each.configuration]
    files += [str(each[CONFIGURATION_KEY]) for each in environments if CONFIGURATION_KEY in each]
    for each in (*files, *options):
        if Path(each).is_absolute() and Path(each).is_file() and each not in pythons:
            paths.setdefault(str(Path(each).parent), FILES_FOLDER)
    for each in (results.base.name if results.base is not None else "", *results.baseline.split(", ")):
        if Path(each).is_absolute():
            paths.setdefault(str(Path(each).parent), FILES_FOLDER)
    for python in (sys.prefix, sys.base_prefix):
        paths.setdefault(python, PYTHON_FOLDER)
    paths.setdefault(str(Path(__file__).parents[2]), PROGRAM_FOLDER)
    paths.setdefault(str(Path(__file__).resolve().parents[2]), PROGRAM_FOLDER)
    paths.setdefault(str(Path.cwd()), CURRENT_FOLDER)
    paths.setdefault(str(Path.home()), HOME)
    for environment in environments:
        if target := _target_host(str(environment.get("target", ""))):
            paths.setdefault(target, HOST)
    host = socket.gethostname()
    names = {getpass.getuser(): USER, host: HOST, host.partition(".")[0]: HOST, **_cluster_names(results)}
    return PrivateNames(
        {path: text for path, text in paths.items() if path not in COMMON_FOLDERS},
        {
            name: text
            for name, text in names.items()
            if len(name) >= MIN_NAME_CHARACTERS and name.lower() not in COMMON_NAMES
        },
    )


def _cluster_names(results: Results) -> dict[str, str]:
    """Return the machines and addresses of a cluster: its scheduler, its workers, and the servers on them."""
    addresses = [str(each.get("cluster", "")) for each in _environments(results)]
    names: list[str] = []
    for load in results.load:
        workers = load.generator.workers if load.generator is not None else ()
        for label in [*(each.worker for each in workers), str(load.conditions.get("runs on", ""))]:
            worker, on, machine = label.rpartition(" on ")
            if on and worker.startswith("worker "):
                names.append(machine)
                addresses += [worker.removeprefix("worker "), str(load.conditions.get("address", ""))]
    # tcp://10.0.0.1:8786, 10.0.0.1:8000 or the bare address of a worker that is named after it
    hosts = [each.rpartition("://")[2] for each in addresses if not each.startswith("local:")]
    hosts = [each.rpartition(":")[0] or each for each in hosts]
    hosts = [each.strip("[]") for each in hosts if "." in each or ":" in each]
    return {each: HOST for each in (*names, *hosts) if not each.startswith("127.") and each != "::1"}


def publish(results: Results, private: PrivateNames) -> Results:
    """Return `results` without `private` and without the names of home folders.

    A path becomes a short word, as RUN or PYTHON. The bytes of the evidence are changed too, so a length in them may no
    longer be true.
    """
    rules = _Rules(private)
    changed = {
        name: _publish(getattr(results, name), rules, free_text=True)
        for name in results.__struct_fields__
        if name not in CATALOGUE_FIELDS
    }
    published = msgspec.structs.replace(results, **changed)
    return msgspec.structs.replace(published, environment={**published.environment, "public": True})


def _environments(results: Results) -> list[Mapping[str, object]]:
    """Return the environments of all runs that `results` come from, and that of the base run."""
    merged = results.environment.get("merged")
    runs = [each for each in merged if isinstance(each, Mapping)] if isinstance(merged, list | tuple) else []
    return [results.environment, *runs, *([results.base.environment] if results.base is not None else [])]


def _comparison_words(results: Results) -> list[str]:
    """Return the words of the commands that compared servers or searched for one."""
    found = []
    for each in results.comparisons:
        found += [text for candidate in each.candidates for text in (candidate.python, candidate.app)]
        with contextlib.suppress(ValueError):  # quotes without an end
            found += shlex.split(each.command)
    if results.recommendation is not None:
        asked = results.recommendation.conditions
        found += [asked.app, asked.traffic]
        with contextlib.suppress(ValueError):
            found += shlex.split(asked.command)
    return found


def _target_host(text: str) -> str:
    """Return the host of a remote server, '' for this machine, for a Unix socket and without a target."""
    try:
        host = parse_target(text).host
    except TargetRefused:
        return ""
    return "" if host in COMMON_NAMES or host.startswith("127.") or host == "::1" else host


class _Rules:
    """The replacements, as patterns for text and for bytes. In doubt they replace: `-I/home/me` is no whole word.

    A path of one part, such as /root, is only replaced where a path can begin: `http/request-line/root` is an id.
    """

    def __init__(self, private: PrivateNames) -> None:
        # Longer paths first: the run folder may be in the home folder.
        self._replacements = {**private.names, **private.paths}
        self._journals: dict[int, JournalFile] = {}
        longest = sorted(private.paths, key=len, reverse=True)
        scratch = re.escape(f"{tempfile.gettempdir()}/{SCRATCH_PREFIX}")
        paths = [rf"(?P<scratch>{scratch}[\w-]*)"]
        paths += [rf"(?P<path>{'|'.join(map(_path_pattern, longest))})(?![\w-])"] if longest else []
        paths.append(r"(?P<home>/(?:home|Users)/[\w.-]+)")
        words = sorted(private.names, key=len, reverse=True)
        names = [rf"(?<![\w.-])(?P<name>{'|'.join(map(re.escape, words))})(?![\w-])"] if words else []
        self.paths = self._compile(paths)
        self.everything = self._compile([*paths, *names])

    def _compile(self, parts: Sequence[str]) -> tuple[re.Pattern[str], re.Pattern[bytes]]:
        text = "|".join(parts)
        return re.compile(text), re.compile(text.encode("utf-8", "surrogateescape"))

    def public_journal(self, file: JournalFile) -> JournalFile:
        """Return the journal `file` with its evidence changed when it is read."""
        return self._journals.setdefault(id(file), _PublicJournal(file, self))

    def text(self, value: str, *, free_text: bool) -> str:
        pattern = (self.everything if free_text else self.paths)[0]
        return pattern.sub(lambda found: self._replacement(found.lastgroup or "", found.group()), value)

    def data(self, value: bytes) -> bytes:
        def replace(found: re.Match[bytes]) -> bytes:
            text = found.group().decode("utf-8", "surrogateescape")
            return self._replacement(found.lastgroup or "", text).encode()

        return self.everything[1].sub(replace, value)

    def _replacement(self, group: str, text: str) -> str:
        return {"scratch": SCRATCH_FOLDER, "home": HOME}.get(group) or self._replacements[text]


def _path_pattern(path: str) -> str:
    return rf"(?<![\w.~-]){re.escape(path)}" if path.count("/") == 1 else re.escape(path)


class _PublicJournal(JournalFile):
    """A journal whose evidence is changed when it is read: that of many servers does not fit into memory."""

    def __init__(self, file: JournalFile, rules: _Rules) -> None:
        self._descriptor = -1  # the other object has it
        self._file, self._rules = file, rules
        self._public: tuple[int, Evidence] = (-1, Evidence())

    def evidence(self, place: Place, number: int) -> Evidence:
        """Return the evidence in line `number` without private names."""
        if self._public[0] != number:
            found = _publish(self._file.evidence(place, number), self._rules, free_text=True)
            assert isinstance(found, Evidence)
            self._public = number, found
        return self._public[1]


def _publish(value: object, rules: _Rules, *, free_text: bool) -> object:
    """Return `value` with the replacements in every text below it."""
    if isinstance(value, enum.Enum):
        return value
    if isinstance(value, StoredEvidence):
        return StoredEvidence(file=rules.public_journal(value.file), place=value.place, number=value.number)
    if isinstance(value, str):
        return rules.text(value, free_text=free_text)
    if isinstance(value, bytes):
        return rules.data(value)
    if isinstance(value, tuple):
        return tuple(_publish(each, rules, free_text=free_text) for each in value)
    if isinstance(value, list):
        return [_publish(each, rules, free_text=free_text) for each in value]
    if isinstance(value, dict):
        return {
            _publish(key, rules, free_text=False): _publish(each, rules, free_text=free_text)
            for key, each in value.items()
        }
    if isinstance(value, msgspec.Struct):
        changed = {}
        for name in value.__struct_fields__:
            before = getattr(value, name)
            after = _publish(before, rules, free_text=free_text and name not in IDENTIFYING_FIELDS)
            if after is not before and after != before:
                changed[name] = after
        return msgspec.structs.replace(value, **changed) if changed else value
    return value
