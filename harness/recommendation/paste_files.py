"""The files that deploy a recommended server, made from the settings that were measured."""

from __future__ import annotations

from pathlib import Path

from wsgi_gauntlet.harness.errors import ConfigurationError, Unsupported
from wsgi_gauntlet.harness.model.recommendation import PasteFile
from wsgi_gauntlet.harness.server.adapter import absolute_interpreter
from wsgi_gauntlet.harness.server.app_name import parse_app_name
from wsgi_gauntlet.harness.server.app_preparation import import_path
from wsgi_gauntlet.harness.server.deployment import DeploymentSite
from wsgi_gauntlet.harness.server.deployment_files import deployment_files
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.user_app import is_user_app

HTTP_PORT, HTTPS_PORT = 80, 443

PASSING_FOLDERS = ("/dev/", "/proc/")
"""The places of a pipe, as of `--env-file <(decrypt)`: it is gone when the command has ended."""


def paste_files(plan: Plan, env_file: Path | None) -> tuple[tuple[PasteFile, ...], str]:
    """Return the files for the user app of `plan`, and why there are none, '' if there are.

    `env_file` is the file with the variables of the app; its content is never read here.
    """
    behind = plan.app_plan
    if not is_user_app(behind.app) or behind.app_path is None:
        return (), "there is no user app to deploy"
    try:
        *_, (_, first) = plan.planned_launches()
        folder = _working_folder(behind, behind.app_path)
        variables = str(env_file.absolute()) if env_file is not None else ""
        site = DeploymentSite(
            app=parse_app_name(behind.app).text,
            folder=folder,
            python=absolute_interpreter(behind.interpreter),
            public_port=HTTPS_PORT if first.address.tls else HTTP_PORT,
            static=behind.app_setup.static,
            env_file="" if variables.startswith(PASSING_FOLDERS) else variables,
            python_path=tuple(each for each in import_path(behind) if each != folder),
        )
        made = deployment_files(plan, site)
    except (Unsupported, ConfigurationError) as reason:
        return (), str(reason)
    return tuple(PasteFile(plan.name, each.name, each.text, each.install_path, each.start) for each in made), ""


def _working_folder(plan: Plan, app_path: Path) -> str:
    """Return the folder in which relative paths of the app lead to its files: the one that was copied, if one was."""
    return str(plan.app_setup.fresh_copy or app_path.resolve())
