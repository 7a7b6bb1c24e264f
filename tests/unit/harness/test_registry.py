"""The registry finds adapters, cases, scenarios and outputs; a wrong name gets similar ones."""

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance.catalog import Case, CaseVariants
from wsgi_gauntlet.harness.errors import ConfigurationError, NotInstalled, UnknownName
from wsgi_gauntlet.harness.load.catalog import Scenario
from wsgi_gauntlet.harness.server import planning


def test_every_server_that_the_readme_names_is_found() -> None:
    assert {"werkzeug", "flask", "gunicorn", "uwsgi", "waitress", "wsgiref", "nginx"} <= set(registry.adapters())
    assert {"json", "html", "markdown", "junit"} <= set(registry.outputs())


def test_ids_are_unique() -> None:
    ids = [each.id for each in registry.cases()]
    assert len(ids) == len(set(ids))
    assert len(registry.scenarios()) == len({each.id for each in registry.scenarios()})


def test_a_check_imports_no_scenario_and_misses_no_case() -> None:
    source = (
        "import sys; from wsgi_gauntlet.harness import registry; print(len(registry.cases())); "
        "print(*(each for each in sys.modules if 'suites.load' in each or each == 'hpack'))"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == [str(len(registry.cases()))]
    suites = importlib.import_module("wsgi_gauntlet.suites")
    for info in pkgutil.walk_packages(suites.__path__, f"{suites.__name__}."):
        if ".testapp" in info.name:
            continue
        kind = Case | CaseVariants if ".suites.load" in info.name else Scenario
        misplaced = [name for name, each in vars(importlib.import_module(info.name)).items() if isinstance(each, kind)]
        assert not misplaced, info.name


def test_cases_come_pep_first() -> None:
    firsts = [each.id.split("/")[0] for each in registry.cases()]
    assert firsts == sorted(firsts, key=lambda each: each != "pep3333")


def test_the_default_servers_can_be_planned() -> None:
    for name in registry.default_variants():
        assert planning.plan(name).name == name


def test_a_plan_has_the_variant_and_the_settings() -> None:
    plan = planning.plan("gunicorn:gthread[threads=8]")
    assert (plan.variant, plan.settings.threads) == ("gthread", 8)
    assert planning.plan("gunicorn").variant == "sync"


def test_a_chain_has_its_server_behind() -> None:
    plan = planning.plan("nginx:unix+gunicorn:gthread")
    assert plan.upstream is not None
    assert (plan.adapter.name, plan.variant, plan.upstream.variant) == ("nginx", "unix", "gthread")
    assert "in front of" in planning.server_info(plan).title


def test_a_custom_server_replaces_an_adapter_of_the_same_name() -> None:
    plan = planning.plan("gunicorn", custom={"gunicorn": "{python} -m mine {port}"})
    assert type(plan.adapter).__name__ == "CommandServer"


def test_an_adapter_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from wsgi_gauntlet.harness.server.adapter import Adapter, Command\n"
        "class Mine(Adapter):\n"
        "    name = title = 'mine'\n"
        "    def command(self, launch):\n        return Command((launch.python, '-m', 'mine'))\n"
        "ADAPTER = Mine()\n"
    )
    plan = planning.plan(str(path))
    assert (plan.name, plan.adapter.name) == (str(path), "mine")


@pytest.mark.parametrize(
    ("text", "says"), [("", "has no ADAPTER"), ("1/0", "ZeroDivisionError"), ("import nothere", "No module named")]
)
def test_a_bad_adapter_file_is_one_line(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "bad.py").write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        planning.plan(str(tmp_path / "bad.py"))
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("gunicron", UnknownName, "did you mean gunicorn"),
        ("gunicorn:gthreads", UnknownName, "did you mean gthread"),
        ("waitress:x", UnknownName, "it has none"),
        ("nginx", ConfigurationError, "needs a server behind it"),
        ("waitress+gunicorn", ConfigurationError, "is no proxy"),
    ],
)
def test_wrong_names(name: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        planning.plan(name)


def test_another_version_is_not_here() -> None:
    plan = planning.plan("gunicorn@1.2.3")
    assert not planning.server_info(plan).available
    with pytest.raises(NotInstalled, match=r"gunicorn==1\.2\.3"):
        planning.require(plan)


def test_cases_and_scenarios_by_name() -> None:
    assert registry.case("pep3333/environ/exact-dict") is registry.case("environ/exact-dict")
    with pytest.raises(UnknownName, match="wsgi-gauntlet cases"):
        registry.case("exact-dct")
    assert registry.scenario("classroom").id == "classroom"
    assert [each.id for each in registry.scenarios_named("classroom")] == ["classroom"]
    case_or_variants = [each.id for each in registry.scenarios_named("slow-headers")]
    assert len(case_or_variants) == 4
    assert all(each.startswith("slow-headers/") for each in case_or_variants)
    assert [each.id for each in registry.scenarios_named("first-byte")] == ["slow-headers/first-byte"]
    with pytest.raises(
        UnknownName, match=r"^byte could be slow-handshake/byte or slow-headers/byte; write one of them$"
    ):
        registry.scenarios_named("byte")
    with pytest.raises(
        UnknownName, match=r"^head-status could be http/responses/head-status \(\d+ of them\) or own-app"
    ):
        registry.case("head-status")
    with pytest.raises(
        UnknownName, match=r"has 12 variants: empty-list, .* and \d+ more; name one of them, like http/"
    ):
        registry.case("responses/head-status")
    with pytest.raises(UnknownName, match="slow-headers/byte"):
        registry.scenarios_named("slow-headers/bite")
    with pytest.raises(UnknownName, match="did you mean classroom"):
        registry.scenario("clasroom")


def test_a_run_that_is_not_there_has_a_near_one(tmp_path: Path) -> None:
    (tmp_path / "gauntlet-out").mkdir()
    (tmp_path / "gauntlet-out" / "run.jsonl.zst").touch()
    (tmp_path / "gauntlet-oud").mkdir()  # no run
    with pytest.raises(ConfigurationError, match=r"gauntlet-ou \(did you mean gauntlet-out\?\); name a run folder or"):
        registry.load_results(tmp_path / "gauntlet-ou")
    with pytest.raises(ConfigurationError, match="there is no nowhere/run; name a run folder"):
        registry.load_results(Path("nowhere/run"))


def test_an_app_is_imported_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("def app(environ, start_response): pass\nprice = 1\n")
    planning.require_app("shop:app", sys.executable, tmp_path)
    for app, says in (("shop:price", "cannot be called"), ("shop:none", "AttributeError"), ("shop", "module:callable")):
        with pytest.raises(ConfigurationError, match=says):
            planning.require_app(app, sys.executable, tmp_path)


def test_what_pip_is_to_install_has_each_distribution_once() -> None:
    wanted = [Requirement(each) for each in registry.requirements()]
    names = [canonicalize_name(each.name) for each in wanted]
    assert len(set(names)) == len(names)
    assert {"setuptools", "flask", "twisted"} <= set(names)
    assert all(str(each.specifier) for each in wanted if each.name == "setuptools")


@pytest.mark.parametrize("path", [Path("a" * 300), Path("a" * 300, "run"), Path(__file__, "run")])
def test_a_path_that_no_file_can_have_is_no_run(path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"there is no .*; name a run folder or a results\.json"):
        registry.load_results(path)
