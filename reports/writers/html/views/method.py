"""How it was measured: the machine, the program, the call, the servers, and the user's configuration of them."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import Results, ServerInfo
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.text import run_environment
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.writers.html.view import View


def block(results: Results) -> dict[str, object]:
    """Return the environment and the servers as rows of texts, and what the harness replaced in configuration files."""
    return {
        "environment": run_environment.rows(results.environment),
        "servers": [
            [line(each.name), line(each.version), line(each.python), line(each.command, 600)]
            for each in aggregation.servers(results)
            if each.available
        ],
        "configurations": [_configuration(each) for each in aggregation.servers(results) if each.configuration],
    }


def _configuration(info: ServerInfo) -> dict[str, object]:
    """Return the configuration files of a server, and its replaced settings as [setting, before, in this run]."""
    return {
        "server": line(info.name, 60),
        "files": [line(each, 200) for each in info.configuration],
        "overrides": [
            [f"{line(each.server, 40)}: {line(each.setting, 60)}", line(each.was, 200), line(each.now, 200)]
            for each in info.overrides
        ],
    }


VIEW = View(name="method", title="Method", order=90, block=block)
