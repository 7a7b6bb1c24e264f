"""Configuration files of the user, as `--config nginx=site.conf`: which server gets which file, and a trial of it.

The adapter of the server makes a copy of the file in which the settings of the harness replace those of the user.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import ConfigOverride
from wsgi_gauntlet.harness.model.naming import did_you_mean
from wsgi_gauntlet.harness.server import adapter_registry
from wsgi_gauntlet.harness.server.adapter import Command, Launch, Protocol, ServerDescription, start_command
from wsgi_gauntlet.harness.server.certificates import write_identity_files
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.ports import leased_port, loopback_host
from wsgi_gauntlet.harness.server.process.environment import server_environment, user_python_path
from wsgi_gauntlet.harness.server.server_log import most_relevant_line

CHECK_TIMEOUT = 30.0
"""Seconds in which a server must have checked its configuration."""

PLACE = re.compile(r"(?:[:(\[]|line:? )\d+\b")
"""The number of a line in a message."""

NAMED_FILE = re.compile(r"(?P<server>[A-Za-z0-9][A-Za-z0-9_.-]*)=(?P<file>.+)", re.DOTALL)


def configs_for(given: Sequence[str], table: Mapping[str, Path], plans: Sequence[Plan]) -> dict[str, Path]:
    """Return the configuration file of each adapter of `plans`, as an absolute path.

    `given` are the values of --config, FILE or SERVER=FILE. They have precedence over `table` of pyproject.toml, of
    which other adapters than those of `plans` are ignored. Raises ConfigurationError.
    """
    used = {part.adapter.name: part.adapter for plan in plans for part in (plan, plan.upstream) if part is not None}
    found: dict[str, Path] = {}
    for value in given:
        name, file = _split(value, used)
        if name in found:
            raise ConfigurationError(f"--config gives {name} two files; give it one")
        found[name] = _require_file(file, f"--config {value}")
    for name, path in table.items():
        if name in used and name not in found:
            _require_config_support(used[name], f"config.{name} in pyproject.toml")
            found[name] = _require_file(str(path), f"config.{name} in pyproject.toml")
        elif name not in used and name not in adapter_registry.adapters():
            near = did_you_mean(name, adapter_registry.adapters())
            raise ConfigurationError(f"config.{name} in pyproject.toml: no server is named {name!r}{near}")
    return found


def _split(value: str, used: Mapping[str, ServerDescription]) -> tuple[str, str]:
    """Return the adapter's name and the file of one --config."""
    named = NAMED_FILE.fullmatch(value)
    if named is None or (Path(value).exists() and named["server"] not in used):
        return _server_of(value, used), value
    name, known = named["server"], {**adapter_registry.adapters(), **used}
    if name not in known:
        raise ConfigurationError(f"--config {value}: no server is named {name!r}{did_you_mean(name, known)}")
    _require_config_support(known[name], f"--config {value}")
    if name not in used:
        raise ConfigurationError(f"--config {value}: this run has no {name}; its servers are {', '.join(used)}")
    return name, named["file"]


def _server_of(file: str, used: Mapping[str, ServerDescription]) -> str:
    """Return the adapter that a FILE without a name is for."""
    able = [each for each in used.values() if each.config_patterns]
    if not able:
        _require_config_support(next(iter(used.values())), f"--config {file}")
    matching = [each for each in able if any(fnmatch(Path(file).name, pattern) for pattern in each.config_patterns)]
    # The files of proxies often have the name of a site: example.com.
    chosen = able if len(able) == 1 else matching or [each for each in able if each.front]
    if len(chosen) != 1:
        raise ConfigurationError(
            f"--config {file}: this can be the file of {' or '.join(each.name for each in chosen or able)}; name the "
            f"server, as --config {(chosen or able)[0].name}={file}"
        )
    return chosen[0].name


def _require_config_support(adapter: ServerDescription, what: str) -> None:
    if not adapter.config_patterns:
        able = [each.name for each in adapter_registry.adapters().values() if each.config_patterns]
        own = (
            "name the file in its command" if adapter.locates_app_itself else f"servers with one are {', '.join(able)}"
        )
        raise ConfigurationError(f"{what}: wsgi-gauntlet knows no configuration file of {adapter.name}; {own}")


def _require_file(file: str, what: str) -> Path:
    path = Path(file)
    try:
        with path.open("rb"):
            pass
    except IsADirectoryError:
        raise ConfigurationError(f"{what}: {file} is a folder; name the file in it") from None
    except OSError as problem:
        raise ConfigurationError(f"{what}: cannot read {file}: {problem.strerror}; correct the path") from None
    if not path.is_file():
        raise ConfigurationError(f"{what}: {file} is no regular file; name a file")
    return path.absolute()


# ---------------------------------------------------------------------- the trial


def with_overrides(plan: Plan) -> Plan:
    """Return `plan` with what the harness replaces in the user's files; without such files return `plan` itself.

    Each server first checks its file itself, if it has a command for that. Raises ConfigurationError with the server's
    own message.
    """
    if plan.config is None and (plan.upstream is None or plan.upstream.config is None):
        return plan
    if plan.unsupported_reason():
        return plan
    with tempfile.TemporaryDirectory(prefix="wsgi-gauntlet-config-") as name, ExitStack() as stack:
        host = loopback_host()
        folder, chain = Path(name), plan.chain()
        behind: list[Launch] = []
        upstream = plan.upstream
        if chain is not None:
            protocol, part = chain
            launch = _trial_launch(part, folder / "s", stack.enter_context(leased_port(host)), host, protocol)
            behind = [launch] * plan.adapter.upstream_count(plan.settings)
            upstream = replace(part, unix=False, overrides=_try(part, launch))
        launch = _trial_launch(plan, folder / "f", stack.enter_context(leased_port(host)), host, behind=behind)
        return replace(plan, upstream=upstream, overrides=_try(plan, launch))


def _trial_launch(
    plan: Plan,
    folder: Path,
    port: int,
    host: str,
    protocol: Protocol = Protocol.HTTP,
    behind: Sequence[Launch] = (),
) -> Launch:
    address = plan.address(folder)
    if not (address.path or address.pipe_socket):
        address = replace(address, host=plan.host or host, port=port)
    return plan.launch(address, folder, protocol, behind)


def _try(plan: Plan, launch: Launch) -> tuple[ConfigOverride, ...]:
    if plan.config is None:
        return ()
    command = start_command(plan.adapter, launch)
    if command.check:
        _check(plan, launch, command)
    own = {str(launch.folder): "<private folder>"}
    for address in filter(None, (launch.address, launch.upstream)):
        own |= {str(address.port): "<port>"} if address.tcp_port else {}

    def general(text: str) -> str:
        for special, name in own.items():
            text = re.sub(rf"(?<!\d){re.escape(special)}(?!\d)", name, text)
        return text.replace(str(launch.folder.parent), "<private folder>")

    return tuple(ConfigOverride(each.server, each.setting, each.was, general(each.now)) for each in command.overrides)


def _check(plan: Plan, launch: Launch, command: Command) -> None:
    launch.folder.mkdir(mode=0o700)
    if launch.identity is not None:
        write_identity_files(launch.identity)
    for name, text in command.files.items():
        file = launch.folder / name
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    environment = server_environment(
        os.environ, path=user_python_path(), temporary=str(launch.folder), added=command.environment
    )
    try:
        done = subprocess.run(
            command.check,
            cwd=command.folder or launch.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=CHECK_TIMEOUT,
            check=False,
        )
    except OSError as problem:
        raise ConfigurationError(f"{plan.name}: cannot run {command.check[0]}: {problem.strerror}") from None
    except subprocess.TimeoutExpired:
        raise ConfigurationError(
            f"{plan.config}: {plan.adapter.name} did not finish its check in {CHECK_TIMEOUT:g} s"
        ) from None
    if done.returncode:
        output = (done.stdout + done.stderr).decode("utf-8", "replace")
        for copy, original in command.sources.items():
            output = output.replace(str(launch.folder / copy), str(original))
        about_file = [
            line for line in output.splitlines() if any(str(each) in line for each in command.sources.values())
        ]
        with_place = [line for line in about_file if PLACE.search(line)]
        line = with_place[0] if with_place else most_relevant_line(output) or f"exit code {done.returncode}"
        if line.endswith(":"):  # the reason is on the next line
            line += f" {output.partition(line)[2].strip().partition(chr(10))[0]}"
        raise ConfigurationError(f"{plan.config}: {plan.adapter.name} rejects it: {line.strip()[:400]}")


def description(plan: Plan) -> Iterator[str]:
    """Yield a sentence about each configuration file of `plan`, for people."""
    for part in (plan, plan.upstream):
        if part is not None and part.config is not None:
            yield f"{plan.name}: {part.adapter.name} uses {part.config}"
            for each in part.overrides:
                yield f"{plan.name}: overridden: {each.setting}: {each.was} -> {each.now}"
