"""The files to paste have the settings of the candidate."""

from __future__ import annotations

from pathlib import Path

from wsgi_gauntlet.harness.recommendation.paste_files import paste_files
from wsgi_gauntlet.harness.server import planning


def test_the_files_have_the_settings_that_were_measured(tmp_path: Path) -> None:
    plan = planning.plan("nginx+gunicorn:gthread[workers=3,threads=8]", app="shop:app", app_path=tmp_path)
    files, why = paste_files(plan, tmp_path / "shop.env")
    assert why == ""
    names = [each.name for each in files]
    assert "gunicorn.conf.py" in names
    assert any("nginx" in each.install_path for each in files)
    text = next(each.text for each in files if each.name == "gunicorn.conf.py")
    assert "workers = 3" in text
    assert "threads = 8" in text
    assert all(each.candidate == plan.name for each in files)


def test_without_a_user_app_there_is_nothing_to_deploy() -> None:
    assert paste_files(planning.plan("gunicorn"), None) == ((), "there is no user app to deploy")


def test_a_place_that_no_file_can_hold_gives_the_reason(tmp_path: Path) -> None:
    files, why = paste_files(planning.plan("gunicorn", app="shop:app", app_path=tmp_path / "a\\b"), None)
    assert files == ()
    assert "rename it" in why
