"""How an app that is an object becomes a name that another process can import."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.pytest_plugin.live_server import importable_name
from wsgi_gauntlet.harness.server import planning

APP = "def application(environ, start_response):\n    return []\n"


def loaded(file: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load `file` under a name that is pytest's own, as --import-mode=importlib does."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(APP)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def test_a_test_module_is_imported_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = loaded(tmp_path / "other" / "test_shop.py", "odd.test_shop", monkeypatch)
    name, folders = importable_name(module.application, tmp_path / "project")
    assert name == "test_shop:application"
    assert folders[0] == tmp_path / "other"
    planning.require_app(name, sys.executable, *folders)


def test_a_test_module_in_a_package_is_imported_from_above_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other" / "checks").mkdir(parents=True)
    (tmp_path / "other" / "checks" / "__init__.py").write_text("")
    module = loaded(tmp_path / "other" / "checks" / "test_shop.py", "odd.test_shop", monkeypatch)
    name, folders = importable_name(module.application, tmp_path / "project")
    assert name == "checks.test_shop:application"
    assert folders[0] == tmp_path / "other"
    planning.require_app(name, sys.executable, *folders)


def test_a_name_stays_as_it_is_and_the_root_comes_last(tmp_path: Path) -> None:
    name, folders = importable_name("shop.wsgi:application", tmp_path)
    assert name == "shop.wsgi:application"
    assert folders[-1] == tmp_path
    assert not any("site-packages" in str(each) for each in folders)


def test_an_object_of_no_module_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not at the top level of an imported module"):
        importable_name(lambda _environ, _start_response: [], tmp_path)
