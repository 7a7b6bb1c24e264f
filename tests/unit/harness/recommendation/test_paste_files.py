"""The files to paste have the settings of the candidate."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsgi_gauntlet.harness.model.recommendation import PasteFile
from wsgi_gauntlet.harness.recommendation.paste_files import paste_files
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.app_setup import AppSetup


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


def text_of(files: tuple[PasteFile, ...], end: str) -> str:
    return next(each.text for each in files if each.install_path.endswith(end))


def test_the_app_runs_in_the_folder_that_was_copied_and_finds_its_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    setup = AppSetup(
        import_folders=(tmp_path / "src",), fresh_copy=tmp_path / "data", python_path=(tmp_path / "vendored",)
    )
    plan = planning.plan("gunicorn", app="shop:app", app_path=tmp_path, app_setup=setup)
    unit = text_of(paste_files(plan, None)[0], ".service")
    assert f"WorkingDirectory={tmp_path}/data\n" in unit
    assert f'Environment="PYTHONPATH={tmp_path}/src:{tmp_path}:{tmp_path}/vendored"\n' in unit
    plan = planning.plan("gunicorn", app="shop:app", app_path=tmp_path, app_setup=AppSetup(fresh_copy=tmp_path))
    unit = text_of(paste_files(plan, None)[0], ".service")
    assert f"WorkingDirectory={tmp_path}\n" in unit
    assert "PYTHONPATH" not in unit


def test_the_unit_does_not_name_a_pipe(tmp_path: Path) -> None:
    plan = planning.plan("gunicorn", app="shop:app", app_path=tmp_path)
    assert "EnvironmentFile" not in text_of(paste_files(plan, Path("/dev/fd/63"))[0], ".service")
    assert f"EnvironmentFile={tmp_path}/.env\n" in text_of(paste_files(plan, tmp_path / ".env")[0], ".service")


@pytest.mark.parametrize(
    ("name", "port"), [("nginx+gunicorn", "listen 80;"), ("nginx[tls]+gunicorn", "listen 443 ssl;")]
)
def test_the_proxy_listens_on_the_usual_port(tmp_path: Path, name: str, port: str) -> None:
    plan = planning.plan(name, app="shop:app", app_path=tmp_path)
    assert port in text_of(paste_files(plan, None)[0], "conf.d/shop.conf")


def test_a_name_with_spaces_is_no_obstacle(tmp_path: Path) -> None:
    plan = planning.plan("gunicorn", app="shop: create_app ( 'prod' )", app_path=tmp_path)
    assert "application = shop.create_app('prod')\n" in text_of(paste_files(plan, None)[0], "serve_shop_app.py")


def test_without_a_user_app_there_is_nothing_to_deploy() -> None:
    assert paste_files(planning.plan("gunicorn"), None) == ((), "there is no user app to deploy")


def test_a_place_that_no_file_can_hold_gives_the_reason(tmp_path: Path) -> None:
    files, why = paste_files(planning.plan("gunicorn", app="shop:app", app_path=tmp_path / "a\\b"), None)
    assert files == ()
    assert "rename it" in why
