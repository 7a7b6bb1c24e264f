"""The run of the base branch is found among the artifacts of a repository."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import find_base
import httpx
import msgspec
import pytest
from find_base import Artifact, WorkflowRun, newest_of_branch


def artifact(number: int, branch: str = "main", *, expired: bool = False, head: int = 1, run: int = 0) -> Artifact:
    return Artifact(number, expired, WorkflowRun(run or number, 1, head, branch))


def archive(**files: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in files.items():
            file.writestr(name.replace("_", "."), data)
    return made.getvalue()


def test_the_newest_one_of_the_branch_counts() -> None:
    known = [artifact(5, "other"), artifact(3), artifact(4), artifact(2)]
    assert newest_of_branch(known, "main", 0) == artifact(4)


@pytest.mark.parametrize(
    "wrong",
    [artifact(9, head=2), artifact(9, expired=True), artifact(9, run=7), Artifact(9, expired=False)],
    ids=["of a fork", "expired", "of this run", "of no run"],
)
def test_some_artifacts_do_not_count(wrong: Artifact) -> None:
    assert newest_of_branch([wrong], "main", 7) is None
    assert newest_of_branch([wrong, artifact(1)], "main", 7) == artifact(1)


def test_only_results_are_unpacked() -> None:
    assert find_base.results_in(archive(results_json=b"{}", report_html=b"x")) == b"{}"
    assert find_base.results_in(archive(report_html=b"x")) is None


def test_a_file_that_unpacks_to_too_much_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find_base, "MAX_BYTES", 1000)
    assert find_base.results_in(archive(results_json=bytes(1001))) is None
    assert find_base.results_in(archive(results_json=bytes(1000))) == bytes(1000)


def client(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.Client:
    return httpx.Client(
        base_url="http://api.invalid/repos/o/r/actions/",
        headers={"Authorization": "Bearer the-token"},
        transport=httpx.MockTransport(answer),
    )


def test_later_pages_are_searched_and_the_token_stays_with_github() -> None:
    asked: list[tuple[str, bool]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((str(request.url), "Authorization" in request.headers))
        if request.url.host == "storage.invalid":
            return httpx.Response(200, content=archive(results_json=b"{}"))
        if request.url.path.endswith("/zip"):
            return httpx.Response(302, headers={"Location": "http://storage.invalid/file"})
        first = request.url.params["page"] == "1"
        known = [artifact(n, "other") for n in range(200, 100, -1)] if first else [artifact(9)]
        return httpx.Response(200, content=msgspec.json.encode(find_base.Page(tuple(known))))

    assert find_base.find(client(answer), "wsgi-gauntlet", "main", 0) == b"{}"
    assert [each.partition("actions/")[2] or each for each, _ in asked] == [
        "artifacts?name=wsgi-gauntlet&per_page=100&page=1",
        "artifacts?name=wsgi-gauntlet&per_page=100&page=2",
        "artifacts/9/zip",
        "http://storage.invalid/file",
    ]
    assert [authorized for _, authorized in asked] == [True, True, True, False]


def test_the_search_ends_after_some_pages() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        page = find_base.Page(tuple(artifact(number, "other") for number in range(100)))
        return httpx.Response(200, content=msgspec.json.encode(page))

    assert find_base.find(client(answer), "x", "main", 0) is None
    assert len(asked) == find_base.MAX_PAGES


@pytest.mark.parametrize(
    ("fail_on", "kind"), [("", "warning"), ("must", "error")], ids=["goes on", "the gate cannot be decided"]
)
def test_a_refusal_is_said(
    fail_on: str, kind: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    environment = {
        "GITHUB_API_URL": "http://api.invalid",
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_TOKEN": "t",
        "GITHUB_REF_NAME": "main",
        "GITHUB_RUN_ID": "1",
        "GITHUB_BASE_REF": "",
        "INPUT_FAIL_ON": fail_on,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("GITHUB_OUTPUT", raising=False)
    refused = client(lambda _: httpx.Response(403))
    monkeypatch.setattr(httpx, "Client", lambda **_: refused)
    if fail_on:
        with pytest.raises(SystemExit, match="2"):
            find_base.main()
    else:
        assert find_base.main() == 0
    printed = capfd.readouterr().out
    assert printed.startswith(f"::{kind} title=wsgi-gauntlet::the runs of main cannot be read")
    assert "`permissions: actions: read`" in printed
