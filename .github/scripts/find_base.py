"""The step of the GitHub action that finds the last run of the base branch among the artifacts of the repository.

It sets the output `base` to a results.json, or to nothing if there is no such run. wsgi-gauntlet is installed already.
"""

from __future__ import annotations

import io
import os
import sys
import zipfile
from collections.abc import Iterable, Iterator

import gauntlet_action as action
import httpx
import msgspec

RESULTS = "results.json"

MAX_PAGES = 10
"""Pages with 100 artifacts each that are searched: those of many pull requests may be newer than that of the branch."""

MAX_BYTES = 1 << 30
"""The largest results.json that is unpacked. 73,000 cells have 100 MB."""


class WorkflowRun(msgspec.Struct, frozen=True):
    """The run of a workflow that made an artifact."""

    id: int
    repository_id: int
    head_repository_id: int
    head_branch: str | None = None


class Artifact(msgspec.Struct, frozen=True):
    """A file that a job uploaded."""

    id: int
    expired: bool
    workflow_run: WorkflowRun | None = None


class Page(msgspec.Struct, frozen=True):
    """A page of the list of artifacts."""

    artifacts: tuple[Artifact, ...]


def newest_of_branch(artifacts: Iterable[Artifact], branch: str, this_run: int) -> Artifact | None:
    """Return the newest artifact of `branch`. Branches of forks do not count: their names prove nothing."""
    found = [
        each
        for each in artifacts
        if not each.expired
        and each.workflow_run is not None
        and each.workflow_run.head_branch == branch
        and each.workflow_run.head_repository_id == each.workflow_run.repository_id
        and each.workflow_run.id != this_run
    ]
    return max(found, key=lambda each: each.id, default=None)


def results_in(archive: bytes) -> bytes | None:
    """Return the results.json in a ZIP archive; None if there is none, or one that is too large."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        if RESULTS not in opened.namelist() or opened.getinfo(RESULTS).file_size > MAX_BYTES:
            return None
        return opened.read(RESULTS)


def pages(client: httpx.Client, name: str) -> Iterator[Page]:
    """Yield the pages of the artifacts with this name, the newest first."""
    for number in range(1, MAX_PAGES + 1):
        response = client.get("artifacts", params={"name": name, "per_page": 100, "page": number})
        page = msgspec.json.decode(response.raise_for_status().content, type=Page)
        yield page
        if len(page.artifacts) < 100:
            return


def find(client: httpx.Client, name: str, branch: str, this_run: int) -> bytes | None:
    """Return the results.json of the last run of `branch`, None if there is none."""
    for page in pages(client, name):
        artifact = newest_of_branch(page.artifacts, branch, this_run)
        if artifact is not None:
            # The answer leads to another host. httpx does not send the token there.
            response = client.get(f"artifacts/{artifact.id}/zip", follow_redirects=True)
            return results_in(response.raise_for_status().content)
    return None


def main() -> int:
    """Find the base run. If this fails, `fail-on` cannot be decided, so the step fails."""
    inputs = os.environ
    branch = action.text(inputs, "BASE_BRANCH") or inputs.get("GITHUB_BASE_REF") or inputs["GITHUB_REF_NAME"]
    client = httpx.Client(
        base_url=f"{inputs['GITHUB_API_URL']}/repos/{inputs['GITHUB_REPOSITORY']}/actions/",
        headers={"Accept": "application/vnd.github+json", "Authorization": f"Bearer {inputs['GITHUB_TOKEN']}"},
        timeout=60,
    )
    try:
        with client:
            found = find(client, action.text(inputs, "ARTIFACT"), branch, int(inputs["GITHUB_RUN_ID"]))
    except (httpx.HTTPError, msgspec.MsgspecError, zipfile.BadZipFile) as problem:
        message = f"the runs of {branch} cannot be read ({problem}); the job needs `permissions: actions: read`"
        if action.fail_on(inputs):
            action.fail(message)
        action.command("warning", message)
        found = None
    if found is not None:
        base = action.new_folder("base") / RESULTS
        base.write_bytes(found)
        action.command("notice", f"compared with the last run of {branch}")
    action.set_output("base", str(base) if found is not None else "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
