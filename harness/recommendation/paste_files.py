"""The files that deploy a recommended server, made from the settings that were measured. Pure."""

from __future__ import annotations

from pathlib import Path

from wsgi_gauntlet.harness.errors import ConfigurationError, Unsupported
from wsgi_gauntlet.harness.model.recommendation import PasteFile
from wsgi_gauntlet.harness.server.adapter import absolute_interpreter
from wsgi_gauntlet.harness.server.deployment import DeploymentSite
from wsgi_gauntlet.harness.server.deployment_files import deployment_files
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.user_app import is_user_app


def paste_files(plan: Plan, env_file: Path | None) -> tuple[tuple[PasteFile, ...], str]:
    """Return the files for the user app of `plan`, and why there are none, '' if there are.

    `env_file` is the file with the variables of the app; its content is never read here.
    """
    behind = plan.app_plan
    if not is_user_app(behind.app) or behind.app_path is None:
        return (), "there is no user app to deploy"
    try:
        site = DeploymentSite(
            app=behind.app,
            folder=str(behind.app_path.absolute()),
            python=absolute_interpreter(behind.interpreter),
            static=behind.app_setup.static,
            env_file=str(env_file.absolute()) if env_file is not None else "",
            python_path=tuple(str(each) for each in behind.app_setup.import_folders),
        )
        made = deployment_files(plan, site)
    except (Unsupported, ConfigurationError) as reason:
        return (), str(reason)
    return tuple(PasteFile(plan.name, each.name, each.text, each.install_path, each.start) for each in made), ""
