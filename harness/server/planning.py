"""From the name of a server to the plan of how it is started, installed or not; and what such a plan lacks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.errors import ConfigurationError, NotInstalled, UnknownName
from wsgi_gauntlet.harness.model import ServerInfo
from wsgi_gauntlet.harness.model.naming import did_you_mean
from wsgi_gauntlet.harness.server.adapter import Adapter, Installation, Settings, direct_url_origin, pip_install_command
from wsgi_gauntlet.harness.server.name import SETTING_NAMES, ServerSpec, parse, same_version, with_setting
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.process.environment import user_python_path

APP_IMPORT_TIMEOUT_SECONDS = 60
"""Seconds that importing an app may take."""

RESULT_MARKER = "\nwsgi-gauntlet: "

APP_CHECK_SCRIPT = (
    f"RESULT_MARKER = {RESULT_MARKER!r}\n"
    """\
import functools, importlib, inspect, sys, traceback

def say(text):
    sys.stdout.write(RESULT_MARKER + text)
    sys.stdout.flush()
    raise SystemExit

module, name = sys.argv[1:]
made = name.endswith("()")
try:
    app = functools.reduce(getattr, name[:-2 if made else None].split("."), importlib.import_module(module))
except BaseException as problem:
    # The frames of the import itself are of no use to anybody.
    frames = [each for each in traceback.extract_tb(problem.__traceback__) if "importlib" not in each.filename]
    where = ["%s, line %s" % (each.filename, each.lineno) for each in frames[1:]][-1:]
    told = traceback.format_exception_only(type(problem), problem)[-1].strip()
    say("does not import with PYTHON: " + " ".join([told, *("(%s)" % each for each in where)]))
if made:
    if not callable(app):
        say("cannot be called")
    try:
        app = app()
    except BaseException as problem:
        say("raises: " + traceback.format_exception_only(type(problem), problem)[-1].strip())

def takes(count):
    try:
        inspect.signature(app).bind(*range(count))
    except TypeError:
        return False
    except ValueError:
        return count == 2  # it is not written in Python, and says nothing
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
"""Prints RESULT_MARKER, and behind it what is wrong with an app; nothing where nothing is."""


def plan(
    text: str,
    *,
    python: str = sys.executable,
    app: str = registry.REFERENCE_APP,
    app_path: Path | None = None,
    custom: Mapping[str, str] | None = None,
) -> Plan:
    """Return how to start the server that `text` names, installed or not: `plan.found` says whether it is.

    `custom` maps names to command templates and goes before adapters of the same name. Raises UnknownName for a server
    or variant that nobody knows, ConfigurationError for a name that is none or a chain that makes no sense.
    """
    if text.endswith(".py"):
        adapter = registry.require_adapter(registry.load_adapter_module(Path(text)), text)
        return Plan(
            text,
            adapter,
            adapter.find(python),
            _resolve_variant(adapter, ""),
            Settings(),
            python,
            app,
            app_path=app_path,
        )
    name = parse(text)
    adapter = _adapter_named(name.server, custom or {})
    if adapter.front and name.front is None:
        raise ConfigurationError(f"{adapter.name} is a front and needs a server behind it: {adapter.name}+gunicorn")
    served = _plan_part(text, adapter, name.server, python, app, app_path)
    if name.front is None:
        return served
    return with_front(name.front, served, custom)


def with_front(part: ServerSpec, served: Plan, custom: Mapping[str, str] | None = None) -> Plan:
    """Return the plan of the front that `part` names, with `served` behind it, by the name that `served` has.

    Raises as `plan` does.
    """
    front = _adapter_named(part, custom or {})
    if not front.front:
        raise ConfigurationError(f"{front.name} in {served.name!r} is no front; fronts are {', '.join(_fronts())}")
    if served.unix:
        raise ConfigurationError(
            f"{served.name!r}: the front says how the server behind it is reached, as in nginx:unix+gunicorn"
        )
    made = _plan_part(served.name, front, part, served.python, served.app, served.app_path)
    return replace(made, upstream=served)


def _plan_part(text: str, adapter: Adapter, part: ServerSpec, python: str, app: str, app_path: Path | None) -> Plan:
    # A front without a variant chooses by what is behind it.
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


def _resolve_settings(adapter: Adapter, variant: str, asked: Settings, text: str) -> Settings:
    """Return what is asked of the adapter, with its documentation's advice below it where that is wanted.

    Raises ConfigurationError for words that the adapter does not know.
    """
    for word in sorted(asked.features - set(adapter.features)):
        known = [*sorted(SETTING_NAMES), *adapter.features]
        raise ConfigurationError(
            f"{word!r} in {text!r} is no setting of {adapter.name}{did_you_mean(word, known)}; "
            f"there are {', '.join(known)}"
        )
    if not asked.tuned:
        return asked
    advice = adapter.tuned_settings(variant, len(os.sched_getaffinity(0)))
    if advice == Settings():
        raise ConfigurationError(
            f"{text!r}: {adapter.name} has no advice of its documentation to be tuned by; say what is to be set, "
            f"as {adapter.name}[threads=8]"
        )
    plain = Settings()
    said = {
        each.name: value for each in fields(asked) if (value := getattr(asked, each.name)) != getattr(plain, each.name)
    }
    return replace(advice, **said)


def tuned_variant_name(plan: Plan) -> str:
    """Return the name of the same server tuned as its documentation advises, '' where it is or that advises nothing."""
    behind = plan.app_plan
    if behind.settings.tuned or plan.name.endswith(".py"):
        return ""
    advice = behind.adapter.tuned_settings(behind.variant, len(os.sched_getaffinity(0)))
    return with_setting(plan.name, "tuned") if advice != Settings() else ""


def missing(plan: Plan, *, versions: bool = True) -> Installation:
    """Return what the plan lacks, a Found without a `why` where it can be started.

    Without `versions` a part that names one lacks nothing: an environment may yet be made for it.
    """
    parts = (plan.upstream, plan) if plan.upstream is not None else (plan,)
    return next(
        (each.found for each in parts if not each.found.available and (versions or not each.version)), Installation()
    )


def server_info(plan: Plan) -> ServerInfo:
    """Return what a report says of the server before it ran."""
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
    )


def require(plan: Plan, *, versions: bool = True) -> None:
    """Raise NotInstalled where the plan lacks something: for a server that the user asked for by name."""
    if missing_message := missing(plan, versions=versions).missing_message:
        raise NotInstalled(f"{plan.name}: {missing_message}")


def require_user_app(plans: Iterable[Plan], checked_interpreters: frozenset[str] = frozenset()) -> frozenset[str]:
    """Raise ConfigurationError unless the user's app imports in the interpreters of `plans`, but for those in `looked`.

    Return all that have been looked at. A server whose command says for itself where the app is and what runs it is
    left to that: where it does not find the app, its own log says so.
    """
    own = [each.app_plan for each in plans if each.app_path is not None]
    for each in own:
        split_app_name(each.app)
    asked = {(each.python, each.app, each.app_path) for each in own if not each.adapter.locates_app_itself}
    for python, app, folder in sorted(asked - {each for each in asked if each[0] in checked_interpreters}):
        if folder is not None:
            require_app(app, python, folder)
    return checked_interpreters | {each[0] for each in asked}


def require_app(app: str, python: str, *folders: Path, label: str = "--app ") -> None:
    """Raise ConfigurationError unless `app` imports in `python`, with `folders` on its path, as something that is WSGI.

    `app` is module:callable, or module:function() for an app that a function makes. `called` is what stands before it
    in messages.
    """
    module, name = split_app_name(app, label)
    if module.split(".")[0] == "gauntlet_apps":
        return
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join([*map(str, folders), *user_python_path()])
    try:
        done = subprocess.run(
            [python, "-c", APP_CHECK_SCRIPT, module, name],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=APP_IMPORT_TIMEOUT_SECONDS,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        raise ConfigurationError(f"{label}{app}: importing it took more than {APP_IMPORT_TIMEOUT_SECONDS} s") from None
    _, found, said = done.stdout.rpartition(RESULT_MARKER)
    if not found:
        lines = done.stderr.strip().splitlines()
        last = " | ".join(map(str.strip, lines[-3:])) if lines else "no message"
        raise ConfigurationError(f"{label}{app} does not import with {python}: it ended with {done.returncode}: {last}")
    if said.strip():
        raise ConfigurationError(f"{label}{app} {said.strip()}".replace("PYTHON", python, 1))


def split_app_name(app: str, label: str = "--app ") -> tuple[str, str]:
    """Return the module of `app` and what it is called there. Raises ConfigurationError where it has another form."""
    module, colon, name = app.partition(":")
    if not (module and colon and name.removesuffix("()")):
        raise ConfigurationError(f"{label}{app}: the form is module:callable, as shop.wsgi:application")
    return module, name


def _adapter_named(part: ServerSpec, custom: Mapping[str, str]) -> Adapter:
    if part.adapter in custom:
        return registry.command_server(part.adapter, custom[part.adapter])
    known = registry.adapters()
    if part.adapter not in known:
        raise UnknownName(
            f"no server is named {part.adapter!r}{did_you_mean(part.adapter, [*known, *custom])}; "
            "`wsgi-gauntlet servers` lists them, --command takes one of your own"
        )
    return known[part.adapter]


def _resolve_variant(adapter: Adapter, variant: str) -> str:
    if not variant:
        return next(iter(adapter.variants), "")
    if variant not in adapter.variants:
        has = f"it has {', '.join(adapter.variants)}" if adapter.variants else "it has none"
        raise UnknownName(f"{adapter.name} has no variant {variant!r}{did_you_mean(variant, adapter.variants)}; {has}")
    return variant


def _find_version(adapter: Adapter, part: ServerSpec, python: str) -> Installation:
    found = adapter.find(python)
    if not part.version or not found.available:
        return found
    why = f"version {part.version} was asked for and {found.version} is installed"
    if same_version(found.version, part.version):
        tree = direct_url_origin(python, adapter.distribution) if adapter.distribution else ""
        if not tree:
            return found
        why += f" from {tree}, which need not be that release"
    wanted = f"{adapter.distribution or adapter.name}=={part.version}"
    return replace(
        found,
        why=why,
        get=f"{pip_install_command(python, wanted)} (or name an interpreter that has it with --python)",
    )


def _fronts() -> list[str]:
    return [each.name for each in registry.adapters().values() if each.front]
