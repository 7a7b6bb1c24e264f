"""How the team of a user app runs it: options, folders, values that are not shown."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.app_preparation import (
    app_variables,
    command_environment,
    import_path,
    in_fresh_copy,
    working_folder,
)
from wsgi_gauntlet.harness.server.app_setup import AppSetup, AppSetupOptions
from wsgi_gauntlet.harness.server.app_setup_resolver import ResolvedSetup, resolve_app_setup, source_folders
from wsgi_gauntlet.harness.server.static_mapping import StaticMapping
from wsgi_gauntlet.harness.server.user_app import (
    plan_with_control_paths,
    plan_with_reference_app,
    without_user_app,
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path.resolve() / "project"
    (folder / "src" / "shop").mkdir(parents=True)
    (folder / "src" / "shop" / "__init__.py").write_text("")
    (folder / "src" / "shop" / "wsgi.py").write_text("")
    (folder / "static").mkdir()
    monkeypatch.chdir(folder)
    return folder


def resolved(project: Path, app: str = "shop.wsgi:app", **options: object) -> ResolvedSetup:
    return resolve_app_setup(AppSetupOptions(**options), app, project)  # type: ignore[arg-type]


def test_a_src_layout_is_found(project: Path) -> None:
    for app in ("shop:app", "shop.wsgi:app", "shop.wsgi:create_app('x')"):
        assert resolved(project, app).setup.import_folders == (project / "src",), app
    assert resolved(project, "other:app").setup.import_folders == ()
    (project / "shop.py").write_text("")
    assert resolved(project, "shop:app").setup.import_folders == ()


def test_a_folder_of_data_with_the_name_of_the_module_does_not_hide_it(project: Path) -> None:
    (project / "shop").mkdir()
    assert resolved(project, "shop:app").setup.import_folders == (project / "src",)


@pytest.mark.parametrize(
    "text",
    [
        '[tool.setuptools.packages.find]\nwhere = ["lib"]\n',
        '[tool.setuptools.package-dir]\n"" = "lib"\n',
        '[tool.poetry]\npackages = [{include = "shop", from = "lib"}]\n',
        '[tool.hatch.build.targets.wheel]\npackages = ["lib/shop"]\n',
    ],
)
def test_the_folders_of_pyproject_come_first(project: Path, text: str) -> None:
    (project / "lib").mkdir()
    (project / "pyproject.toml").write_text(text)
    assert source_folders(project) == [project / "lib", project / "src"]


@pytest.mark.parametrize(
    "text",
    ["tool = 3\n", "[tool]\nsetuptools = 3\npoetry.packages = [3]\n", "not toml",
     "[tool.setuptools.packages]\nfind = []\n",
     "[tool.setuptools.packages.find]\nwhere = [3, '', 'gone']\n"],
)  # fmt: skip
def test_another_pyproject_is_no_error(project: Path, text: str) -> None:
    (project / "pyproject.toml").write_text(text)
    assert source_folders(project) == [project / "src"]


def test_app_dir_wins(project: Path) -> None:
    assert resolved(project, app_dir=Path("static")).setup.import_folders == (project / "static",)
    for name in ("nothing", "x" * 300):
        with pytest.raises(ConfigurationError, match=f"--app-dir {name} is no folder"):
            resolved(project, app_dir=Path(name))


def test_a_name_that_is_too_long_for_a_file_is_nowhere(project: Path) -> None:
    assert resolved(project, f"{'x' * 300}:app").setup.import_folders == ()
    with pytest.raises(ConfigurationError, match="is no folder"):
        resolved(project, static=(f"/static={'x' * 300}",))


def test_variables_of_servers_are_left_out_by_name(project: Path) -> None:
    (project / ".env").write_text("PORT=8\nWEB_CONCURRENCY=9\nPYTHONPATH=src:lib\nSECRET_KEY=hunter22\nTMPDIR=/x\n")
    found = resolved(project, env_file=Path(".env"))
    assert found.left_out == ("PORT", "TMPDIR", "WEB_CONCURRENCY")
    assert found.setup.variables == {"SECRET_KEY": "hunter22"}
    assert found.setup.python_path == (project / "src", project / "lib")
    assert "hunter22" not in repr(found)
    assert "hunter22" not in repr(planning.plan("waitress", app="shop:app", app_setup=found.setup))
    (project / ".env").write_text("SECRET_KEY=other123\n")
    assert resolved(project, env_file=Path(".env")).setup.variables == {"SECRET_KEY": "other123"}


def test_commands_get_the_variables_of_flask_and_servers_do_not(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / ".env").write_text("FLASK_APP=shop.wsgi\nPORT=8\nSHOP=1\n")
    monkeypatch.setenv("FLASK_APP", "other")
    monkeypatch.setenv("FLASK_DEBUG", "1")
    monkeypatch.setenv("WEB_CONCURRENCY", "9")
    found = resolved(project, env_file=Path(".env"))
    assert found.left_out == ("FLASK_APP", "PORT")
    assert app_variables(found.setup) == {"SHOP": "1"}
    plan = planning.plan("waitress", app="shop:app", app_path=project, app_setup=found.setup)
    environment = command_environment(plan, project)
    names = ("FLASK_APP", "FLASK_DEBUG", "PORT", "WEB_CONCURRENCY", "SHOP")
    assert [environment.get(each) for each in names] == ["shop.wsgi", "1", None, None, "1"]


def test_an_env_file_that_cannot_be_read_is_one_line(project: Path) -> None:
    (project / "binary").write_bytes(b"A=\xff\n")
    (project / "huge").write_bytes(b"A=" + b"x" * (1 << 20))
    for name, says in (
        ("gone", "No such file"),
        ("static", "Is a directory"),
        ("binary", "is not UTF-8"),
        ("huge", "longer than 1 MB"),
        ("x" * 300, "name too long"),
    ):
        with pytest.raises(ConfigurationError, match=says) as raised:
            resolved(project, env_file=Path(name))
        assert str(raised.value).startswith(f"--env-file {name}")
    with pytest.raises(ConfigurationError, match=r"--env-file 'a\\x00b' is no path"):
        resolved(project, env_file=Path("a\0b"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("static", "write /PREFIX=FOLDER"),
        ("/static=", "write /PREFIX=FOLDER"),
        ("static=static", "static is no path prefix"),
        ("/=static", "/ is no path prefix"),
        ("//a=static", "//a is no path prefix"),
        ("/a b=static", "/a b is no path prefix"),
        ("/a;b=static", "no path prefix"),
        ("/a/../b=static", "no path prefix"),
        ("/.=static", "no path prefix"),
        ("/gauntlet-control=static", "belong to the harness"),
        ("/gauntlet-control/x=static", "belong to the harness"),
        ("/static=gone", "gone is no folder"),
        ("/static=src/shop/wsgi.py", "is no folder"),
    ],
)
def test_a_static_mapping_that_cannot_be_is_one_line(project: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        resolved(project, static=(text,))
    assert str(raised.value).startswith(f"--static {text}: ")
    assert says in str(raised.value)


def test_static_mappings_the_longest_first(project: Path) -> None:
    found = resolved(project, static=("/static/=static", "/static/shop=src", "/gauntlet-control2=src"))
    assert [(each.prefix, each.folder) for each in found.setup.static] == [
        ("/gauntlet-control2", project / "src"),
        ("/static/shop", project / "src"),
        ("/static", project / "static"),
    ]
    with pytest.raises(ConfigurationError, match="/static is given twice"):
        resolved(project, static=("/static=static", "/static/=src"))


def test_a_folder_that_before_makes_may_be_missing_until_then(project: Path) -> None:
    found = resolved(project, static=("/static=made",), before="collect")
    assert found.setup.static == (StaticMapping("/static", project / "made"),)


def test_static_files_are_only_mapped_where_no_case_has_the_path(project: Path) -> None:
    setup = resolved(project, static=("/static=static",)).setup
    plan = planning.plan("nginx+gunicorn", app="shop:app", app_path=project, app_setup=setup)
    assert plan.upstream is not None
    assert plan.upstream.app_setup == setup
    (_, server), (_, front) = plan_with_control_paths(plan).planned_launches()
    assert server.static == front.static == setup.static
    for other in (plan_with_reference_app(plan), without_user_app(plan)):
        assert [each.static for _, each in other.planned_launches()] == [(), ()]
    assert without_user_app(plan).app_setup == AppSetup()


def test_paths_in_the_fresh_copy(project: Path, tmp_path: Path) -> None:
    outside = tmp_path.resolve() / "outside"
    outside.mkdir()
    setup = resolved(project, fresh_copy=Path(), static=("/static=static", f"/media={outside}")).setup
    plan = planning.plan("nginx+gunicorn", app="shop:app", app_path=project, app_setup=setup)
    assert working_folder(plan) == project
    assert import_path(plan)[:2] == [str(project / "src"), str(project)]
    copied = in_fresh_copy(plan, Path("/copy"))
    for each in (copied, copied.app_plan):
        assert working_folder(each) == Path("/copy")
        assert import_path(each)[:2] == ["/copy/src", "/copy"]
        assert {one.folder for one in each.app_setup.static} == {Path("/copy/static"), outside}


def test_paths_that_a_copy_lacks_stay(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = project / ".venv" / "lib" / "admin"
    admin.mkdir(parents=True)
    (project / ".venv" / "pyvenv.cfg").write_text("")
    (project / ".env").write_text("PYTHONPATH=.venv/lib:src:node_modules\n")
    monkeypatch.setenv("PYTHONPATH", str(project / ".venv" / "lib"))
    static = ("/static/admin=.venv/lib/admin", "/static=static", "/made=node_modules/made")
    setup = resolved(project, fresh_copy=Path(), env_file=Path(".env"), static=static, before="npm ci").setup
    plan = planning.plan("waitress", app="shop:app", app_path=project, app_setup=setup)
    copy = tmp_path.resolve() / "copy"
    copied = in_fresh_copy(plan, copy)
    found = {each.prefix: each.folder for each in copied.app_setup.static}
    # The command may make node_modules in the copy.
    assert found == {"/static/admin": admin, "/static": copy / "static", "/made": copy / "node_modules" / "made"}
    assert copied.app_setup.python_path == (admin.parent, copy / "src", copy / "node_modules")
    assert str(admin.parent) in import_path(copied)
    assert not setup.is_copied(admin)
    assert setup.is_copied(project / "static")


def test_a_copy_within_the_folder_is_no_part_of_it(project: Path) -> None:
    setup = resolved(project, fresh_copy=Path()).setup
    copy = project / "tmp" / "copy"
    copied = in_fresh_copy(planning.plan("waitress", app="shop:app", app_path=project, app_setup=setup), copy)
    assert import_path(copied)[:2] == [str(copy / "src"), str(copy)]


def test_a_copied_subfolder_is_the_working_folder_and_imports_stay(project: Path) -> None:
    setup = resolved(project, fresh_copy=Path("static")).setup
    copied = in_fresh_copy(planning.plan("waitress", app="shop:app", app_path=project, app_setup=setup), Path("/copy"))
    assert working_folder(copied) == Path("/copy")
    assert import_path(copied)[:2] == [str(project / "src"), str(project)]


def test_values_are_not_shown() -> None:
    setup = AppSetup(
        variables={
            "DATABASE_URL": "postgres://shop:hunter22@db/shop",
            "KEY": "line one\nline two",
            "DEBUG": "1",
            "HOST": "localhost",
            "SIZE": "1000000",
            "LONG": "hunter22-and-more",
        }
    )
    text = "at localhost with 1000000: postgres://shop:hunter22@db/shop, hunter22, hunter22-and-more, line one 1"
    assert setup.for_people(text) == (
        "at localhost with 1000000: (value of DATABASE_URL), (value of DATABASE_URL), (value of LONG), (value of KEY) 1"
    )
    assert AppSetup().for_people(text) == text
    assert "hunter22" not in str(setup.conditions())
    assert AppSetup(variables={"BAD": "http://[::1"}).for_people("x http://[::1 x") == "x (value of BAD) x"


@pytest.mark.parametrize(
    ("value", "shown"), [("1234567", True), ("12345678", False), ("abc45", True), ("abc456", False)]
)
def test_short_values_are_shown_and_numbers_of_eight_digits_are_not(value: str, shown: bool) -> None:
    setup = AppSetup(variables={"PIN": value})
    assert setup.for_people(f"got {value}") == (f"got {value}" if shown else "got (value of PIN)")


def test_commands_are_shown_without_values() -> None:
    setup = AppSetup(variables={"PASSWORD": "hunter 22"}, before="db --password 'hunter 22'")
    assert setup.conditions()["before"] == "db --password '(value of PASSWORD)'"
    shown = setup.command_for_people("gauntlet compare --before 'db --password \"hunter 22\"' --out x")
    assert "hunter 22" not in shown
    assert shlex.split(shown)[2:] == ["--before", 'db --password "(value of PASSWORD)"', "--out", "x"]
    assert AppSetup().command_for_people("") == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("two  words\tthree", "in one line: two words three"),
        ("back\\slash", r"LookupError('back\\slash')"),
        ("new\nlines of text", r"KeyError: 'new\nlines of text'"),
        ("postgres://shop:hunter%4022@db/shop", "no password hunter@22"),
    ],
)
def test_values_are_not_shown_as_messages_write_them(value: str, text: str) -> None:
    shown = AppSetup(variables={"SECRET": value}).for_people(text)
    assert "(value of SECRET)" in shown
    assert not {"words", "slash", "lines", "hunter"} & set(re.findall(r"[a-z]+", shown))


def test_people_read_the_folder_that_they_know() -> None:
    setup = AppSetup(fresh_copy=Path("/project")).with_copy(Path("/tmp/wsgi-gauntlet-1-x/g-1/app"))
    assert setup.for_people("/tmp/wsgi-gauntlet-1-x/g-1/app/shop.py, line 1") == "/project/shop.py, line 1"


def test_options_win_over_the_table_one_by_one() -> None:
    table = AppSetupOptions(app_dir=Path("a"), before="one", static=("/a=b",))
    given = AppSetupOptions(before="two", fresh_copy=Path("c d"))
    merged = given.over(table)
    assert merged == AppSetupOptions(Path("a"), None, "two", "", Path("c d"), ("/a=b",))
    assert merged.words() == ["--app-dir", "a", "--before", "two", "--fresh-copy", "c d", "--static", "/a=b"]
    assert (merged.given, AppSetupOptions().given) == ("--app-dir", "")
