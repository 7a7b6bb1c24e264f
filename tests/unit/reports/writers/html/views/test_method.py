"""How it was measured: the servers as they were started, and what the harness replaced in the user's configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsgi_gauntlet.harness.model import SCHEMA, ConfigOverride, Results, ServerInfo
from wsgi_gauntlet.reports.writers.html import report_page
from wsgi_gauntlet.reports.writers.html.views import method

from ......helpers.report_browser import ReportBrowser

RUN = Results(
    SCHEMA,
    {"cores": 2},
    {
        "gunicorn": ServerInfo(
            "gunicorn",
            "Gunicorn",
            True,
            "27.0.1",
            command="gunicorn -c gunicorn.conf.py",
            configuration=("gunicorn.conf.py", "<b>x</b>\u202e"),
            overrides=(
                ConfigOverride("gunicorn", "bind", "0.0.0.0:80", "127.0.0.1:0"),
                ConfigOverride("gunicorn", "accesslog", "<script>alert(1)</script>", "none"),
            ),
        ),
        "waitress": ServerInfo("waitress", "Waitress", True, "3.0.2", command="waitress-serve"),
        "uwsgi": ServerInfo("uwsgi", "uWSGI", False, why="not found", get="pip install pyuwsgi"),
    },
)


def test_only_the_user_s_configuration_is_listed() -> None:
    found = method.block(RUN)
    assert found["configurations"] == [
        {
            "server": "gunicorn",
            "files": ["gunicorn.conf.py", "<b>x</b>\\u202e"],
            "overrides": [
                ["gunicorn: bind", "0.0.0.0:80", "127.0.0.1:0"],
                ["gunicorn: accesslog", "<script>alert(1)</script>", "none"],
            ],
        }
    ]
    servers = found["servers"]
    assert isinstance(servers, list)
    assert [each[0] for each in servers] == ["gunicorn", "waitress"]


@pytest.mark.browser
def test_the_page_shows_what_was_replaced(reader: ReportBrowser, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(report_page.render(RUN), "utf-8")
    tab = reader.open(file, "#/method")
    table = tab.page.get_by_role("region", name="Your configuration of gunicorn").locator("table")
    assert [each.strip() for each in table.locator("tr").nth(1).inner_text().split("\t")] == [
        "gunicorn: bind", "0.0.0.0:80", "127.0.0.1:0",
    ]  # fmt: skip
    shown = tab.page.locator("#view").inner_text()
    assert "<script>alert(1)</script>" in shown
    assert "The harness replaced 2 settings; all others are yours." in shown
    assert "The smallest number of slow clients that makes the server collapse." in shown
    assert tab.violations() == []
    assert tab.console_messages == []
