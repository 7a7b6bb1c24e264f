"""The table of a user in pyproject.toml."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_gauntlet.harness.config import Configuration, describe_file, load_nearest, parse, read
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.server.app_setup import AppSetupOptions


def test_what_is_not_there_is_empty(tmp_path: Path) -> None:
    assert read(tmp_path / "pyproject.toml") == Configuration()
    (tmp_path / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    assert read(tmp_path / "pyproject.toml") == Configuration()


def test_servers_and_thresholds(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.wsgi-gauntlet.servers]\nmine = "{python} -m mine {port}"\n'
        "[tool.wsgi-gauntlet.thresholds]\ngoodput = 0.99\ncollapse = 64\n"
    )
    assert read(tmp_path / "pyproject.toml") == Configuration(
        {"mine": "{python} -m mine {port}"}, {"goodput": 0.99, "collapse": 64}, file=tmp_path / "pyproject.toml"
    )


def test_a_baseline_lies_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.wsgi-gauntlet]\nbaseline = "ci/known.toml"\n')
    assert read(tmp_path / "pyproject.toml").baseline == tmp_path / "ci" / "known.toml"


def test_which_evidence_is_kept() -> None:
    assert parse({}, "x").keep_evidence == "notable"
    assert parse({"keep-evidence": "all"}, "x").keep_evidence == "all"


def test_configuration_files_lie_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.wsgi-gauntlet.config]\nnginx = "deploy/site.conf"\n')
    assert read(tmp_path / "pyproject.toml").configs == {"nginx": tmp_path / "deploy" / "site.conf"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[tool.wsgi-gauntlet.config]\nnginx = 1", "config.nginx takes the name of a file"),
        ("[tool", "is not TOML"),
        ("\udcff", "is not TOML"),
        ("[tool.wsgi-gauntlet]\nserver = 1", "did you mean servers?"),
        ("[tool.wsgi-gauntlet]\nbaseline = 1", "baseline takes the name of a file: write"),
        ('[tool.wsgi-gauntlet]\nkeep-evidence = "failures"', "keep-evidence takes 'notable' or 'all'"),
        ("[tool.wsgi-gauntlet]\nkeep-evidence = [1]", "keep-evidence takes 'notable' or 'all'"),
        ("[tool.wsgi-gauntlet]\nservers = 1", "servers must be a table"),
        ("[tool.wsgi-gauntlet.servers]\nmine = 1", "takes a command template"),
        ("[tool.wsgi-gauntlet.thresholds]\nspeed = 1", "has an unknown key 'speed'"),
        ('[tool.wsgi-gauntlet.thresholds]\ngoodput = "high"', "takes a number"),
        ("[tool.wsgi-gauntlet.thresholds]\ngoodput = true", "takes a number"),
    ],
)
def test_bad_configuration_is_one_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(text, errors="surrogateescape")
    with pytest.raises(ConfigurationError) as raised:
        read(path)
    assert says in str(raised.value)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


KEYS = st.sampled_from(["tool", "wsgi-gauntlet", "servers", "thresholds", "baseline", "goodput", "mine"]) | st.text()
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates() | st.times(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)


@given(VALUES)
def test_any_table_is_read_or_rejected_in_one_line(value: object) -> None:
    for table in (value, {"servers": value}, {"thresholds": value}, {"baseline": value}, {"servers": {"mine": value}}):
        said = ""
        try:
            parse(table, "pyproject.toml")
        except ConfigurationError as problem:
            said = str(problem)
        assert "\n" not in said


@pytest.mark.parametrize(
    "text", ["tool = 3", "[tool]\nwsgi-gauntlet = 3", "[[tool]]", "[[tool.wsgi-gauntlet]]", "x = " + "[" * 9000]
)
def test_what_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ConfigurationError):
        read(tmp_path / "pyproject.toml")


def test_the_configuration_of_a_folder_above_counts_within_a_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = tmp_path / "repository" / "package" / "tests"
    below.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("[tool.wsgi-gauntlet.thresholds]\ngoodput = 0.1\n")
    top = tmp_path / "repository" / "pyproject.toml"
    top.write_text('[tool.wsgi-gauntlet]\nbaseline = "known.toml"\n')
    (tmp_path / "repository" / "package" / "pyproject.toml").write_text("[tool.other]\n")
    monkeypatch.chdir(below)
    assert load_nearest().baseline == top.parent / "known.toml"
    top.unlink()
    assert load_nearest().thresholds == {"goodput": 0.1}
    (tmp_path / "repository" / ".git").mkdir()
    assert load_nearest().thresholds == {}


def test_the_file_in_use_is_named_where_it_is_a_surprise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert describe_file(load_nearest(), always=True) == ""
    (tmp_path / "pyproject.toml").write_text("[tool.wsgi-gauntlet]\n")
    text = f"configuration: [tool.wsgi-gauntlet] of {tmp_path / 'pyproject.toml'}"
    assert describe_file(load_nearest()) == text
    monkeypatch.chdir(tmp_path)
    assert describe_file(load_nearest()) == ""
    assert describe_file(load_nearest(), always=True) == "configuration: [tool.wsgi-gauntlet] of pyproject.toml"
    # The plugin begins at the root of pytest, whatever the current folder is.
    monkeypatch.chdir("/")
    assert load_nearest(tmp_path / "below").file == tmp_path / "pyproject.toml"


def test_a_file_of_another_user_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = tmp_path / "below"
    below.mkdir()
    (tmp_path / "pyproject.toml").write_text("[tool.wsgi-gauntlet.servers]\nmine = 'rm {port}'\n")
    monkeypatch.setattr("os.getuid", lambda: (tmp_path / "pyproject.toml").stat().st_uid + 1)
    trusted = (tmp_path / "pyproject.toml").stat().st_uid == 0  # root may write everywhere
    assert bool(load_nearest(below).servers) is trusted


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        read(tmp_path)


def test_the_app_s_paths_begin_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.wsgi-gauntlet.app]\napp-dir = "src"\nenv-file = ".env"\nbefore = "python manage.py migrate"\n'
        'after = ""\nfresh-copy = "."\nstatic = {"/static" = "made", "/media" = "/srv/media"}\n'
    )
    assert read(tmp_path / "pyproject.toml").app_setup == AppSetupOptions(
        app_dir=tmp_path / "src",
        env_file=tmp_path / ".env",
        before="python manage.py migrate",
        fresh_copy=tmp_path,
        static=(f"/static={tmp_path / 'made'}", "/media=/srv/media"),
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("app = 1", "app must be a table"),
        ("[tool.wsgi-gauntlet.app]\nenv_file = 'x'", "unknown key 'env_file' (did you mean env-file?)"),
        ("[tool.wsgi-gauntlet.app]\nenv-file = 1", "app.env-file takes a path in quotes"),
        ("[tool.wsgi-gauntlet.app]\nbefore = ['a']", "app.before takes a command in quotes"),
        ("[tool.wsgi-gauntlet.app]\nstatic = 'a=b'", "app.static takes paths and folders"),
        ("[tool.wsgi-gauntlet.app]\nstatic = {a = 1}", "app.static takes paths and folders"),
        ("[tool.wsgi-gauntlet.app]\nstatic = {a = ''}", "app.static takes paths and folders"),
    ],
)
def test_a_bad_table_of_the_app_is_one_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(text if text.startswith("[") else f"[tool.wsgi-gauntlet]\n{text}\n")
    with pytest.raises(ConfigurationError) as raised:
        read(path)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
