"""Make the plan of a start from a server name, even if the server is not installed, and say what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path

from wsgi_gauntlet.harness.errors import ConfigurationError, NotInstalled, UnknownName
from wsgi_gauntlet.harness.model import ServerInfo
from wsgi_gauntlet.harness.model.naming import did_you_mean
from wsgi_gauntlet.harness.server import adapter_registry
from wsgi_gauntlet.harness.server.adapter import (
    Installation,
    ServerDescription,
    Settings,
    absolute_interpreter,
    direct_url_origin,
    pip_install_command,
)
from wsgi_gauntlet.harness.server.app_name import AppName, parse_app_name
from wsgi_gauntlet.harness.server.app_preparation import app_variables, import_path, rehearsed, working_folder
from wsgi_gauntlet.harness.server.app_setup import AppSetup
from wsgi_gauntlet.harness.server.name import SETTING_NAMES, ServerSpec, parse, same_version, with_setting
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.process.environment import server_environment, user_python_path
from wsgi_gauntlet.harness.server.user_app import REFERENCE_APP, REFERENCE_APP_PACKAGE

APP_IMPORT_TIMEOUT_SECONDS = 60
"""Seconds that importing an app may take."""

RESULT_MARKER = "\nwsgi-gauntlet: "

APP_CHECK_SCRIPT = (
    f"RESULT_MARKER = {RESULT_MARKER!r}\n"
    """\
import ast, functools, importlib, inspect, sys, traceback

def say(text):
    sys.stdout.write(RESULT_MARKER + " ".join(text.split()) + "\\n")
    sys.stdout.flush()
    raise SystemExit

module, name, arguments = sys.argv[1:]
made = bool(arguments)

def describe(problem):
    # The frames of the import itself are of no use to anybody, and the first one is of this program.
    frames = [each for each in traceback.extract_tb(problem.__traceback__) if "importlib" not in each.filename][1:]
    wrong = isinstance(problem, SyntaxError)
    lines = traceback.format_exception_only(type(problem), problem)  # with the notes of the exception, if it has some
    line = " ".join("".join(lines[-1:] if wrong else lines).split())
    where = ["%s, line %s: %s" % (each.filename, each.lineno, each.line) for each in frames[-3:]]
    if wrong and problem.filename:
        where.append("%s, line %s: %s" % (problem.filename, problem.lineno, (problem.text or "").strip()))
    return line + (" (the traceback ends: %s)" % " | ".join(where) if where else "")

try:
    app = functools.reduce(getattr, name.split("."), importlib.import_module(module))
except BaseException as problem:
    say("does not import with PYTHON: " + describe(problem))
if made:
    if not callable(app):
        say("cannot be called")
    try:
        positional, named = ast.literal_eval(arguments)
        app = app(*positional, **named)
    except BaseException as problem:
        say("raises: " + describe(problem))

def takes(count):
    try:
        inspect.signature(app).bind(*range(count))
    except TypeError:
        return False
    except ValueError:
        return count == 2  # it is not written in Python, and has no signature
    return True

kind = "%s.%s" % (type(app).__module__, type(app).__qualname__)
call = getattr(app, "__call__", None)
if not callable(app):
    say("cannot be called: it is a " + kind)
if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(call) or (takes(3) and not takes(2)):
    what = kind if kind != "builtins.function" else "an async function"
    say("is an ASGI app (%s), and WSGI servers serve WSGI apps: name the WSGI app of your project, or wrap it in "
        "a2wsgi.ASGIMiddleware" % what)
if any(each.__module__.startswith("tornado.") for each in type(app).__mro__) and not takes(2):
    say("is an app of Tornado's own (%s): only Tornado serves it, and it is no WSGI app" % kind)
if not takes(2):
    if takes(0) and not made:
        say("looks like a function that makes the app, for it takes no environ: name it as '%s:%s()'" % (module, name))
    say("cannot be called as a WSGI app, with environ and start_response: its signature is %s" % inspect.signature(app))
say("")
"""
)
"""A program that prints RESULT_MARKER and what is wrong with an app; nothing after it if the app is good."""


MISSING_MODULE = "ModuleNotFoundError"

_MISSING_MODULE_HINT = (
    "--app-dir names the folder of a module, --python the interpreter of the environment that has the app's packages"
)


def plan(
    text: str,
    *,
    python: str = sys.executable,
    app: str = REFERENCE_APP,
    app_path: Path | None = None,
    custom: Mapping[str, str] | None = None,
    configs: Mapping[str, Path] | None = None,
    app_setup: AppSetup | None = None,
) -> Plan:
    """Return how to start the server that `text` names; `plan.found` says whether it is installed.

    `custom` maps names to command templates, which take precedence over adapters. `configs` maps adapters to
    configuration files of the user. `app_setup` is how the user app is run. Raises UnknownName for an unknown server or
    variant, ConfigurationError if `text` is not a server name or its chain makes no sense.
    """
    if text.endswith(".py"):
        own = adapter_registry.require_adapter(adapter_registry.load_adapter_module(Path(text)), text)
        return Plan(
            text,
            own,
            own.find(python),
            _resolve_variant(own, ""),
            Settings(),
            python,
            app,
            app_path=app_path,
            app_setup=app_setup or AppSetup(),
        )
    name = parse(text)
    adapter = _adapter_named(name.server, custom or {})
    if adapter.front and name.front is None:
        raise ConfigurationError(f"{adapter.name} is a proxy and needs a server behind it: {adapter.name}+gunicorn")
    part = _plan_part(text, adapter, name.server, python, app, app_path)
    served = replace(part, app_setup=app_setup or AppSetup())
    if name.front is None:
        return _with_config(served, configs, name.server)
    front = with_front(name.front, _with_config(served, configs, name.server), custom)
    return _with_config(front, configs, name.front)


def with_front(part: ServerSpec, served: Plan, custom: Mapping[str, str] | None = None) -> Plan:
    """Return the plan of the proxy that `part` names, in front of the server of `served`.

    It has the name of `served`. Raises the errors of `plan`.
    """
    front = _adapter_named(part, custom or {})
    if not front.front:
        raise ConfigurationError(f"{front.name} in {served.name!r} is no proxy; proxies are {', '.join(_fronts())}")
    if served.unix:
        raise ConfigurationError(
            f"{served.name!r}: the variant of the proxy chooses the Unix socket, as in nginx:unix+gunicorn"
        )
    made = _plan_part(served.name, front, part, served.python, served.app, served.app_path)
    return replace(made, upstream=served, app_setup=served.app_setup)


def _with_config(made: Plan, configs: Mapping[str, Path] | None, part: ServerSpec) -> Plan:
    config = (configs or {}).get(made.adapter.name)
    if config is None or not made.adapter.config_patterns:
        return made
    # The file chooses what the user did not choose with a variant.
    return replace(made, config=config, variant=part.variant)


def _plan_part(
    text: str, adapter: ServerDescription, part: ServerSpec, python: str, app: str, app_path: Path | None
) -> Plan:
    # A proxy without a variant chooses by the server behind it.
    variant = "" if adapter.front and not part.variant else _resolve_variant(adapter, part.variant)
    found = _find_version(adapter, part, python)
    if found.available and (missing_for := adapter.missing_for(found.python or python, variant)).why:
        found = missing_for
    return Plan(
        name=text,
        adapter=adapter,
        found=found,
        variant=variant,
        settings=_resolve_settings(adapter, variant, part.settings, text),
        python=python,
        app=app,
        app_path=app_path,
        unix=part.settings.unix,
        version=part.version,
    )


def _resolve_settings(adapter: ServerDescription, variant: str, asked: Settings, text: str) -> Settings:
    """Return the settings `asked`, and for a tuned variant those that the documentation recommends.

    Raises ConfigurationError for features that the adapter does not have.
    """
    for word in sorted(asked.features - set(adapter.features)):
        known = [*sorted(SETTING_NAMES), *adapter.features]
        raise ConfigurationError(
            f"{word!r} in {text!r} is no setting of {adapter.name}{did_you_mean(word, known)}; "
            f"settings are {', '.join(known)}"
        )
    if not asked.tuned:
        return asked
    advice = adapter.tuned_settings(variant, len(os.sched_getaffinity(0)))
    if advice == Settings():
        raise ConfigurationError(
            f"{text!r}: the documentation of {adapter.name} recommends no settings, so it has no tuned variant; write "
            f"the settings, as {adapter.name}[threads=8]"
        )
    plain = Settings()
    named = {
        each.name: value for each in fields(asked) if (value := getattr(asked, each.name)) != getattr(plain, each.name)
    }
    return replace(advice, **named)


def tuned_variant_name(plan: Plan) -> str:
    """Return the server name of the tuned variant; '' if this is one, or if the documentation recommends nothing."""
    behind = plan.app_plan
    if behind.settings.tuned or plan.name.endswith(".py"):
        return ""
    advice = behind.adapter.tuned_settings(behind.variant, len(os.sched_getaffinity(0)))
    return with_setting(plan.name, "tuned") if advice != Settings() else ""


def missing(plan: Plan, *, versions: bool = True) -> Installation:
    """Return what the plan lacks; an empty Installation if it can be started.

    Without `versions` a server that names a version lacks nothing: an environment can be made for it.
    """
    parts = (plan.upstream, plan) if plan.upstream is not None else (plan,)
    return next(
        (each.found for each in parts if not each.found.available and (versions or not each.version)), Installation()
    )


def server_info(plan: Plan) -> ServerInfo:
    """Return the description of the server in a report before it ran."""
    lacks = missing(plan)
    behind = plan.upstream
    version = plan.found.version if behind is None else f"{plan.found.version} + {behind.found.version}"
    title = plan.adapter.title if behind is None else f"{plan.adapter.title} in front of {behind.adapter.title}"
    return ServerInfo(
        name=plan.name,
        title=title,
        available=lacks.available,
        version=version if lacks.available else "",
        variant=plan.app_plan.variant,
        python=plan.interpreter,
        why=lacks.why,
        get=lacks.get,
        configuration=tuple(
            str(each.config) for each in (plan, behind) if each is not None and each.config is not None
        ),
        overrides=tuple(over for each in (plan, behind) if each is not None for over in each.overrides),
        for_development=plan.app_plan.adapter.for_development,
    )


def require(plan: Plan, *, versions: bool = True) -> None:
    """Raise NotInstalled if the plan lacks something, for a server that the user named."""
    if missing_message := missing(plan, versions=versions).missing_message:
        raise NotInstalled(f"{plan.name}: {missing_message}")


def require_user_app(plans: Iterable[Plan], checked_interpreters: frozenset[str] = frozenset()) -> frozenset[str]:
    """Raise ConfigurationError unless the user app imports in the interpreters of `plans` that are not checked yet.

    Return all checked interpreters. The app is prepared as before each start: its folder is copied, and the commands of
    its setup run. A command template and a configuration file can choose folder and interpreter. So for them an app
    that does not import is no error here: if the server does not find it, its own log says so.
    """
    own = [each.app_plan for each in plans if each.app_path is not None]
    for each in own:
        parse_app_name(each.app)
    asked: dict[tuple[str, bool], Plan] = {}
    for each in own:
        asked.setdefault((each.interpreter, each.adapter.locates_app_itself or each.config is not None), each)
    for (python, may_be_missing), plan in sorted(asked.items(), key=lambda each: each[0]):
        if python not in checked_interpreters:
            with rehearsed(plan) as prepared:
                _require_app(parse_app_name(plan.app), prepared, f"--app {plan.app}", may_be_missing=may_be_missing)
    return checked_interpreters | {python for python, _ in asked}


def own_interpreter_fault(plan: Plan) -> str:
    """Return why the user app does not run in the interpreter that the server of `plan` brings along, '' if it does.

    Most servers bring none. mod_wsgi does: it does not see the packages of a virtual environment.
    """
    behind = plan.app_plan
    if behind.app_path is None or not _brings_interpreter(behind):
        return ""
    try:
        require_user_app([behind])
    except ConfigurationError as problem:
        return str(problem)
    return ""


def _brings_interpreter(plan: Plan) -> bool:
    return bool(plan.found.python) and absolute_interpreter(plan.found.python) != absolute_interpreter(plan.python)


def require_app(app: str, python: str, *folders: Path, label: str = "--app ") -> None:
    """Raise ConfigurationError unless `app` imports in `python`, with `folders` on its path, as a WSGI app.

    `app` is module:callable, or module:function(arguments) for an app that a function makes. `label` precedes it in
    messages.
    """
    name = parse_app_name(app, label)
    _check_app(name, python, [*map(str, folders), *user_python_path()], AppSetup(), f"{label}{app}")


def _require_app(name: AppName, plan: Plan, shown: str, *, may_be_missing: bool) -> None:
    folder = working_folder(plan) if plan.app_setup.copy is not None else None
    if _brings_interpreter(plan):
        own = f"{plan.name} runs apps in its own interpreter, {plan.interpreter}"
        shown = f"{own}; install their packages for it, or leave the server out: {shown}"
    _check_app(
        name, plan.interpreter, import_path(plan), plan.app_setup, shown, may_be_missing=may_be_missing, folder=folder
    )


def _check_app(
    name: AppName,
    python: str,
    path: list[str],
    setup: AppSetup,
    shown: str,
    *,
    may_be_missing: bool = False,
    folder: Path | None = None,
) -> None:
    """Raise ConfigurationError, which begins with `shown`, unless `name` is a WSGI app.

    With `may_be_missing` it need not import here, but what imports must be a WSGI app. It runs in `folder`, by default
    in the current folder.
    """
    if f"{name.module.split('.')[0]}." == REFERENCE_APP_PACKAGE:
        return
    # The server gets the same environment, without the settings of other servers.
    environment = server_environment(os.environ, path=path, temporary=tempfile.gettempdir(), added=app_variables(setup))
    given = name.arguments
    arguments = repr((given.positional, dict(given.named))) if given is not None else ""
    try:
        done = subprocess.run(
            [python, "-c", APP_CHECK_SCRIPT, name.module, name.attribute, arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=APP_IMPORT_TIMEOUT_SECONDS,
            check=False,
            env=environment,
            cwd=folder,
        )
    except subprocess.TimeoutExpired:
        raise ConfigurationError(f"{shown}: importing it took more than {APP_IMPORT_TIMEOUT_SECONDS} s") from None
    _, found, printed = done.stdout.rpartition(RESULT_MARKER)
    fault = setup.for_people(printed.partition("\n")[0])  # the app may print more when the program ends
    if may_be_missing and (not found or fault.startswith(("does not import", "raises"))):
        return
    if not found:
        lines = setup.for_people(done.stderr).strip().splitlines()
        last = " | ".join(map(str.strip, lines[-3:])) if lines else "no message"
        raise ConfigurationError(f"{shown} does not import with {python}: it ended with {done.returncode}: {last}")
    if fault:
        hint = f"; {_MISSING_MODULE_HINT}" if MISSING_MODULE in fault else ""
        raise ConfigurationError(f"{shown} {_with_interpreter(fault, python)}{hint}")


def _with_interpreter(fault: str, python: str) -> str:
    """Return the message of APP_CHECK_SCRIPT with the interpreter that it was printed by."""
    beginning = "does not import with "
    return fault.replace(f"{beginning}PYTHON", f"{beginning}{python}", 1) if fault.startswith(beginning) else fault


def _adapter_named(part: ServerSpec, custom: Mapping[str, str]) -> ServerDescription:
    if part.adapter in custom:
        return adapter_registry.command_server(part.adapter, custom[part.adapter])
    known = adapter_registry.adapters()
    if part.adapter not in known:
        raise UnknownName(
            f"no server is named {part.adapter!r}{did_you_mean(part.adapter, [*known, *custom])}; "
            "`wsgi-gauntlet servers` lists them, --command takes one of your own"
        )
    return known[part.adapter]


def _resolve_variant(adapter: ServerDescription, variant: str) -> str:
    if not variant:
        return next(iter(adapter.variants), "")
    if variant not in adapter.variants:
        has = f"its variants are {', '.join(adapter.variants)}" if adapter.variants else "it has none"
        raise UnknownName(f"{adapter.name} has no variant {variant!r}{did_you_mean(variant, adapter.variants)}; {has}")
    return variant


def _find_version(adapter: ServerDescription, part: ServerSpec, python: str) -> Installation:
    found = adapter.find(python)
    if not part.version or not found.available:
        return found
    why = f"version {part.version} is needed and {found.version} is installed"
    if same_version(found.version, part.version):
        tree = direct_url_origin(python, adapter.distribution) if adapter.distribution else ""
        if not tree:
            return found
        why += f" from {tree}, which may differ from that release"
    wanted = f"{adapter.distribution or adapter.name}=={part.version}"
    return replace(
        found,
        why=why,
        get=f"{pip_install_command(python, wanted)} (or name an interpreter with that version with --python)",
    )


def _fronts() -> list[str]:
    return [each.name for each in adapter_registry.adapters().values() if each.front]
