"""One run of one generator on a core of its own: its requests, and its CPU time, user and system.

For a program in C or Go this is the CPU time of the whole process. For Python and JavaScript it counts from the first
request on, because the start of an interpreter would matter more in short runs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from nginx_server import MARK, MARKED_BODY, MARKED_PAGE, ToolMissing, pin_to_core, tool

CLOSED_LOOP = """
import functools, json, resource, sys, trio
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.generator.closed_loop import closed_loop
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.workload import VerifiedRequest
port, connections, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
page, mark, body = sys.argv[4], sys.argv[5].encode(), sys.argv[6].encode()
request = f"GET {page} HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\n\\r\\n".encode()  # what wrk sends
page = VerifiedRequest(request, body, mark=mark)
run = functools.partial(closed_loop, Address(port=port), page, LoopOptions(connections), seconds)
before = resource.getrusage(resource.RUSAGE_SELF)
found = trio.run(run)
after = resource.getrusage(resource.RUSAGE_SELF)
if found.requests != found.ok:
    raise SystemExit(f"the closed loop received wrong responses: {found.error_messages}")
cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
print(json.dumps({"requests": found.ok, "cpu": cpu, "seconds": found.seconds}))
"""

LOCUST = """
import json, os, resource, sys, time
from locust import FastHttpUser, constant, events, task

class User(FastHttpUser):
    wait_time = constant(0)

    @task
    def page(self):
        self.client.get(os.environ["PAGE"])

def used():
    now = resource.getrusage(resource.RUSAGE_SELF)
    return now.ru_utime + now.ru_stime

begun = {}

@events.spawning_complete.add_listener
def begin(user_count, **_):
    begun.update(cpu=used(), seconds=time.monotonic(), requests=users.runner.stats.total.num_requests)

@events.init.add_listener
def keep(environment, **_):
    global users
    users = environment

@events.test_stopping.add_listener
def end(environment, **_):
    total = environment.runner.stats.total
    found = {"requests": total.num_requests, "cpu": used(), "seconds": time.monotonic()}
    with open(os.environ["FIGURE"], "w") as out:
        json.dump({**{name: found[name] - begun[name] for name in found}, "failed": total.num_failures}, out)
"""

AUTOCANNON = """
const autocannon = require("autocannon");
const [url, connections, duration] = process.argv.slice(1);
const before = process.cpuUsage();
autocannon({url, connections: +connections, duration: +duration}, (error, found) => {
  if (error) throw error;
  const used = process.cpuUsage(before);
  console.log(JSON.stringify({requests: found.requests.total, cpu: (used.user + used.system) / 1e6,
    seconds: found.duration, failed: found.errors + found.timeouts + found.non2xx}));
});
"""


@dataclass(frozen=True)
class Figure:
    """The result of one generator in one run."""

    requests: int
    cpu: float
    seconds: float

    @property
    def per_cpu_second(self) -> float:
        """Requests per CPU second of the generator."""
        return self.requests / self.cpu


@dataclass(frozen=True)
class Run:
    """The options of every run of a comparison. `seconds` is a whole number, because wrk accepts no other."""

    port: int
    connections: int
    seconds: int
    core: int

    @property
    def url(self) -> str:
        """The requested page."""
        return f"http://127.0.0.1:{self.port}{MARKED_PAGE}"

    def gauntlet(self) -> Figure:
        """Run the closed loop: it records latencies, checks status, body and mark, and watches timeouts."""
        page = (MARKED_PAGE, MARK, MARKED_BODY)
        argv = [sys.executable, "-c", CLOSED_LOOP, str(self.port), str(self.connections), str(self.seconds), *page]
        return _parse_figure(self._run_program(argv)[0])

    def wrk(self) -> Figure:
        """Run wrk in one thread."""
        argv = [tool("wrk"), "-t1", f"-c{self.connections}", f"-d{self.seconds}s", self.url]
        output, cpu = self._run_program(argv)
        found = re.search(r"(\d+) requests in ([\d.]+)s", output)
        if not found or re.search("Non-2xx|Socket errors", output):
            raise SystemExit(f"wrk did not measure:\n{output}")
        return Figure(int(found[1]), cpu, float(found[2]))

    def hey(self) -> Figure:
        """Run hey."""
        output, cpu = self._run_program([tool("hey"), "-z", f"{self.seconds}s", "-c", str(self.connections), self.url])
        found, seconds = (
            re.findall(r"\[(\d+)\]\s+(\d+) responses", output),
            re.search(r"Total:\s+([\d.]+) secs", output),
        )
        if [status for status, _ in found] != ["200"] or not seconds or "Error distribution" in output:
            raise SystemExit(f"hey did not measure:\n{output}")
        return Figure(int(found[0][1]), cpu, float(seconds[1]))

    def ab(self) -> Figure:
        """Run ab with keep-alive. It allocates memory for each request in advance, so it needs their limit."""
        most = str(self.seconds * 500_000)
        argv = [tool("ab", "apache2-utils"), "-k", "-q", "-t", str(self.seconds), "-n", most]
        output, cpu = self._run_program([*argv, "-c", str(self.connections), self.url])
        found, seconds = (
            re.search(r"Complete requests:\s+(\d+)", output),
            re.search(r"taken for tests:\s+([\d.]+)", output),
        )
        if not found or not seconds or not re.search(r"Failed requests:\s+0\n", output) or "Non-2xx" in output:
            raise SystemExit(f"ab did not measure:\n{output}")
        return Figure(int(found[1]), cpu, float(seconds[1]))

    def locust(self) -> Figure:
        """Run the FastHttpUser of Locust without a pause, counted from the moment at which all users run."""
        with tempfile.TemporaryDirectory() as folder:
            script, figure = Path(folder, "page.py"), Path(folder, "figure.json")
            script.write_text(LOCUST)
            argv = [locust(), "-f", str(script), "--headless", "-u", str(self.connections), "-r", "1000"]
            argv += ["-t", f"{self.seconds}s", "-H", self.url.removesuffix(MARKED_PAGE), "--only-summary"]
            output, _ = self._run_program(argv, FIGURE=str(figure), PAGE=MARKED_PAGE)
            return _parse_figure(figure.read_text() if figure.exists() else output)

    def autocannon(self) -> Figure:
        """Run autocannon in one thread of Node."""
        argv = [tool("node", "nodejs"), "-e", AUTOCANNON, self.url, str(self.connections), str(self.seconds)]
        return _parse_figure(self._run_program(argv, NODE_PATH=autocannon())[0])

    def _run_program(self, argv: list[str], **environment: str) -> tuple[str, float]:
        """Return the output of a program and its CPU seconds."""
        with tempfile.TemporaryFile() as stderr_file:
            process = subprocess.Popen(
                argv,
                stdout=subprocess.PIPE,
                stderr=stderr_file,
                env={**os.environ, **environment},
                preexec_fn=pin_to_core(self.core),
            )
            assert process.stdout is not None
            output = process.stdout.read().decode()
            process.stdout.close()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                stderr_file.seek(0)
                raise SystemExit(
                    f"{argv[0]} ended with {process.returncode}:\n{output}{stderr_file.read().decode()[-2000:]}"
                )
        return output, used.ru_utime + used.ru_stime


def locust() -> str:
    """Return the program from $LOCUST or PATH. Raises ToolMissing."""
    found = os.environ.get("LOCUST") or shutil.which("locust")
    if not found:
        raise ToolMissing(
            "locust is not installed: python -m venv locust && locust/bin/pip install locust, and "
            "LOCUST=locust/bin/locust"
        )
    return found


def autocannon() -> str:
    """Return the folder of the package for Node, from $AUTOCANNON. Raises ToolMissing."""
    tool("node", "nodejs")
    folder = os.environ.get("AUTOCANNON", "node_modules")
    if not Path(folder, "autocannon").is_dir():
        raise ToolMissing(
            "autocannon is not installed: npm install --prefix generators autocannon, and "
            "AUTOCANNON=generators/node_modules"
        )
    return str(Path(folder).absolute())


def _parse_figure(data: str) -> Figure:
    try:
        found = json.loads(data)
        if found.pop("failed", 0):
            raise SystemExit(f"a generator received wrong responses: {data}")
        return Figure(**found)
    except (ValueError, TypeError) as error:
        raise SystemExit(f"a generator did not measure:\n{data}") from error
