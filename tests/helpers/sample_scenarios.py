"""A made-up run of every scenario on ten servers: windows, measures, lower bounds, every grade, hostile words."""

from __future__ import annotations

import math
import random

from wsgi_gauntlet.harness import model as m

SERVERS = (
    "flask",
    "gunicorn:sync",
    "gunicorn:gthread",
    "uwsgi",
    "waitress",
    "werkzeug:threaded",
    "werkzeug:single",
    "wsgiref",
    "nginx+gunicorn:sync",
    "nginx:unix+waitress[threads=16]",
)

SLOW_CLIENT_SCENARIOS = [
    "slow-headers/silent",
    "slow-headers/first-byte",
    "slow-headers/line",
    "slow-headers/byte",
    "slow-body/length",
    "slow-body/chunked",
    "slow-body/expect",
    "slow-read",
    "idle-hoard",
]
OVER_TIME = ["ramp", "surge", "reload", "worker-loss", "churn", "mixed", "soak"]
MEASURED = [
    "steady/half",
    "steady/most",
    "capacity",
    "disconnect/head",
    "disconnect/body",
    "disconnect/answer",
    "pipelining",
    "large/up",
    "large/down",
    "timeout-edge/half",
    "timeout-edge/past",
]

HOSTILE = "<script>window.hacked=8</script> \x1b[31m </td></table> {{ 7*7 }} | `x` \u202e"

GRADES = (m.Grade.UNAFFECTED, m.Grade.COLLAPSED, m.Grade.DEGRADED, m.Grade.NOT_RECOVERED, m.Grade.INVALID,
          m.Grade.INCONCLUSIVE, m.Grade.UNSUPPORTED, m.Grade.ERROR)  # fmt: skip
_WEIGHTS = (8, 5, 3, 1, 1, 1, 1, 1)


def build_scenarios(servers: int = len(SERVERS), *, full: bool = False) -> m.Results:
    """Return a run of all scenarios on so many of SERVERS; `full` has as many samples as a full run."""
    names = SERVERS[:servers]
    loads = [
        make(name, scenario, random.Random(f"{name} {scenario}"), full)
        for make, scenarios in (
            (_slow_client_load, SLOW_CLIENT_SCENARIOS),
            (_windowed, OVER_TIME),
            (_measured, MEASURED),
        )
        for scenario in scenarios
        for name in names
    ]
    return m.Results(
        schema=m.SCHEMA,
        environment={"program": "wsgi-gauntlet 0.1.0", "cores": 2},
        servers={name: m.ServerInfo(name, name, True, "1.0", "", "serve", "3.11.7") for name in names},
        load=tuple(loads),
        scenarios={
            name: m.ScenarioInfo(name, f"About {name.replace('/', ', ')}", f"What {name} does to the others.")
            for name in (*SLOW_CLIENT_SCENARIOS, *OVER_TIME, *MEASURED)
        },
    )


def _slow_client_load(name: str, scenario: str, chance: random.Random, full: bool) -> m.ScenarioResult:
    grade = chance.choices(GRADES, _WEIGHTS)[0]
    if grade in {m.Grade.UNSUPPORTED, m.Grade.ERROR}:
        return m.ScenarioResult(name, scenario, grade, note=f"{HOSTILE} has no option for it")
    late = grade is m.Grade.INVALID
    down = grade in {m.Grade.COLLAPSED, m.Grade.NOT_RECOVERED}
    share = 0.02 if down else 0.9 if grade is m.Grade.DEGRADED else 1.0
    samples = _samples(chance, share, 800 if full else 150)
    inside = [each for each in samples if 10 <= each.intended < 30]
    outcomes = {each.value: sum(one.outcome is each for one in inside) for each in m.Outcome}
    good = outcomes["ok"] / max(len(inside), 1)
    star = chance.choice([1, 2, 4, 9, 98]) if down else None
    phases = (
        m.Phase("baseline", 0, 10, 200, {"ok": 200}, 1.0, 0.003, 0.005, 0.009, 0.012, 0.008),
        m.Phase("during", 10, 30, len(inside), outcomes, good, 0.004, 2.0, 5.0, 5.0, 4.0, good < 0.99),
    )
    steps = tuple(
        m.Step(n, 0.02 if star and n >= star else 1.0, 0.003, 0.01, collapsed=bool(star and n >= star))
        for n in (1, 2, 4, 8, 9, 16, 32, 64, 98, 128, 256)
    )
    return m.ScenarioResult(
        name,
        scenario,
        grade,
        good,
        500.0 if down else 1.2,
        down,
        star,
        None if grade is m.Grade.NOT_RECOVERED else chance.uniform(0, 4),
        m.Disconnect(chance.choice(["408", "FIN", "RST"]), 30.2, 256, chance.choice([256, 12]))
        if chance.random() < 0.5
        else m.Disconnect("never"),
        m.Cost(256, chance.randrange(30_000_000), 256 * chance.choice([0, 1, 2]), chance.choice([0, 4, 256]), 0.9),
        m.GeneratorHealth(not late, 0.2, 0.0004, 20, 20, "the generator was late" * late),
        phases,
        steps,
        samples,
        ((0, 0), (10, 100), (11, 256), (30, 0)),
        tuple(m.Percentile("during", p, 0.003 * 2 ** (p / 10)) for p in (0, 25, 50, 75, 90, 95, 99, 99.5)),
        parameters={"clients": 256, "interval": 10},
        conditions={"workers": 2, "threads": 4, "python": "3.11.7"},
        caveats=("a 40 ms plateau with an idle CPU: Nagle with delayed ACK",) if chance.random() < 0.1 else (),
        note=HOSTILE if grade in {m.Grade.INVALID, m.Grade.INCONCLUSIVE} else "",
        log=f"worker time-out {HOSTILE}\n" * 40,
    )  # fmt: skip


def _samples(chance: random.Random, share: float, count: int) -> tuple[m.Sample, ...]:
    found = []
    for _ in range(count):
        at = chance.uniform(0, 40)
        lost = 10 <= at < 30 and chance.random() > share
        latency = 5.0 if lost else 0.003 * math.exp(chance.gauss(0, 0.6))
        outcome = m.Outcome.TIMEOUT if lost else m.Outcome.OK
        found.append(m.Sample(at, latency, latency, outcome))
    return tuple(sorted(found, key=lambda each: each.intended))


def _windowed(name: str, scenario: str, chance: random.Random, full: bool) -> m.ScenarioResult:
    grade = chance.choices(GRADES, _WEIGHTS)[0]
    knee = chance.uniform(400, 1500)
    count = 180 if full else 40
    windows = []
    for number in range(count):
        at = number * 60 / count
        offered = 1500 * at / 60 if scenario == "ramp" else 1800.0 if 20 <= at < 25 else 300.0
        over = max(0.0, offered - knee) / max(offered, 1)
        p50 = 0.002 + over * 0.8
        nothing = scenario == "reload" and 30 <= at < 33
        windows.append(
            m.Window(at, 60 / count, offered, 0.0 if nothing else 1 - over, None if nothing else p50,
                     None if nothing else p50 * 3, 80_000_000 + number * 100_000 if scenario == "soak" else 0,
                     40 + number // 4 if scenario == "soak" else 0)
        )  # fmt: skip
    return m.ScenarioResult(
        name,
        scenario,
        grade,
        1 - chance.random() * 0.1,
        windows=tuple(windows),
        slow_clients=((0, 0), (5, 20), (55, 0)) if scenario in {"mixed", "soak"} else (),
        percentiles=tuple(m.Percentile("load", p, 0.002 * 1.6 ** (p / 10)) for p in (50, 90, 99, 99.9, 99.99, 99.999)),
        phases=(m.Phase("load", 0, 60, 20000, {"ok": 19990, "timeout": 10}, 0.9995, 0.002, 0.01, 0.03, 5.0),),
        metrics=(
            m.Metric("requests_lost", "requests lost", float(chance.randrange(50)), note="while the old worker left"),
            m.Metric("longest_queue", "longest queue", None, note=f"nobody could look {HOSTILE}"),
            m.Metric.labelled(f"time to replacement {HOSTILE}", chance.uniform(0.1, 9), "s", chance.random() < 0.3),
            m.Metric("most_memory", "most memory", 1e8, "bytes"),
            m.Metric("drift_of_p99", "drift of p99", chance.uniform(-3, 40), "%"),
        ),
        conditions={"workers": 2, "threads": 4},
        note="two requests of 600 were lost" if grade is m.Grade.DEGRADED else "",
    )


def _measured(name: str, scenario: str, chance: random.Random, _full: bool) -> m.ScenarioResult:
    return m.ScenarioResult(
        name,
        scenario,
        m.Grade.MEASURED if chance.random() < 0.8 else m.Grade.DEGRADED,
        1.0,
        phases=(m.Phase("load", 0, 10, 30000, {"ok": 30000}, 1.0, 0.002, 0.01, 0.03, 0.1),),
        percentiles=tuple(m.Percentile("load", p, 0.002 * 1.3 ** (p / 10)) for p in (0, 50, 90, 99, 99.9, 99.99)),
        metrics=(m.Metric("capacity", "capacity", chance.uniform(100, 9000), "requests/s", chance.random() < 0.2),
                  m.Metric("descriptors_left", "descriptors left", float(chance.randrange(3)))),
        generator=m.GeneratorHealth(True, 0.6, 0.0002, 3000, 3000),
        conditions={"workers": 2, "threads": 4},
    )  # fmt: skip
