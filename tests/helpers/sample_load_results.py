"""The made-up Results' half of load: every grade, missing values, censored curves. The same each time."""

from __future__ import annotations

import math
import random
from typing import Any

from wsgi_gauntlet.harness import model as m

PASS, FAIL, WARN, INFO = m.Verdict.PASS, m.Verdict.FAIL, m.Verdict.WARN, m.Verdict.INFO

# How slow people fare: (goodput, seconds of p50, seconds of p99, N*, grade) in the classroom
CLASSROOM: dict[str, tuple[float, float, float, m.Grade]] = {
    "werkzeug": (0.041, 4.2, 5.0, m.Grade.COLLAPSED),
    "werkzeug:threaded": (0.998, 0.004, 0.021, m.Grade.UNAFFECTED),
    "gunicorn:sync": (0.312, 2.9, 5.0, m.Grade.NOT_RECOVERED),
    "gunicorn:gthread": (0.874, 0.02, 3.1, m.Grade.DEGRADED),
    "pyuwsgi": (0.22, 3.6, 5.0, m.Grade.COLLAPSED),
    "waitress": (1.0, 0.003, 0.009, m.Grade.UNAFFECTED),
    "nginx+gunicorn:sync": (1.0, 0.003, 0.011, m.Grade.UNAFFECTED),
    "wsgiref": (0.04, 4.3, 5.0, m.Grade.INVALID),
}


SCENARIOS = (
    m.ScenarioInfo(
        "classroom",
        "Forty people in a classroom",
        "40 people open the app at once, a fifth of them on bad Wi-Fi: their requests come a byte at a time.",
    ),
    m.ScenarioInfo(
        "throughput",
        "Throughput",
        "A closed loop at 1, 8 and 64 connections; times are service times at that concurrency.",
    ),
    m.ScenarioInfo(
        "slow-headers/byte",
        "Slow headers, a byte at a time",
        "N clients send their request's head a byte a second; N doubles until the others get nothing, then bisects.",
    ),
)


def loads() -> list[m.ScenarioResult]:
    """Return every made-up cell of load."""
    found = []
    for index, name in enumerate(CLASSROOM):
        found.append(_classroom(name, index))
        found.append(_throughput(name, index))
        found.append(_slow_headers(name))
    return found


def _conditions(name: str) -> dict[str, Any]:
    return {
        "workers": 2 if "gunicorn" in name else 1,
        "threads": 4,
        "keep-alive": 5.0,
        "backlog": 128,
        "python": "3.11.7",
    }


def _classroom(name: str, index: int) -> m.ScenarioResult:
    goodput, p50, p99, grade = CLASSROOM[name]
    chance = random.Random(index)
    samples = []
    for _ in range(360):
        at = chance.uniform(0, 18)
        bad = 4 <= at < 14
        if bad and chance.random() > goodput:
            outcome = chance.choices([m.Outcome.TIMEOUT, m.Outcome.ERROR, m.Outcome.WRONG], [12, 1, 1])[0]
            latency = 5.0 if outcome is m.Outcome.TIMEOUT else chance.uniform(0.01, 4)
        else:
            outcome = m.Outcome.OK
            typical = p50 if bad else 0.003
            latency = min(4.99, typical * math.exp(chance.gauss(0, 0.5)))
        samples.append(m.Sample(at, latency, latency * 0.9, outcome))
    samples.sort(key=lambda each: each.intended)
    censored = p99 >= 5
    phases = (
        m.Phase("baseline", 0, 4, 80, {"ok": 80}, 1.0, 0.003, 0.005, 0.009, 0.012, 0.008),
        m.Phase(
            "during",
            4,
            14,
            200,
            {"ok": int(200 * goodput), "timeout": 200 - int(200 * goodput)},
            goodput,
            p50,
            p99 * 0.8,
            p99,
            p99,
            p99 * 0.9,
            censored,
        ),
        m.Phase("recovery", 14, 18, 80, {"ok": 80}, 1.0, 0.003, 0.005, 0.009, 0.02, 0.008),
    )
    percentiles = tuple(
        m.Percentile(phase, p, base * (1 + (p / 100) ** 12 * spread))
        for phase, base, spread in (
            ("baseline", 0.003, 2),
            ("during", min(p50, 4.9), min(p99 / p50, 5 / min(p50, 4.9)) - 1),
        )
        for p in (0, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9)
    )
    health = m.GeneratorHealth(True, 0.21, 0.0004, 20.0, 20.0)
    if grade is m.Grade.INVALID:
        health = m.GeneratorHealth(False, 0.99, 0.31, 20.0, 14.2, "the generator sent 14.2 of 20.0 requests a second")
    return m.ScenarioResult(
        name,
        "classroom",
        grade,
        goodput,
        p99 / 0.009,
        censored,
        None,
        None if grade is m.Grade.NOT_RECOVERED else 3.2,
        m.Disconnect("408" if name == "waitress" else "never", 10.0 if name == "waitress" else None, 8, 8),
        m.Cost(8, 1_200_000 * index, 8, index, 0.21),
        health,
        phases,
        (),
        tuple(samples),
        ((0, 0), (4, 8), (14, 0), (18, 0)),
        percentiles,
        parameters={"people": 40, "slow": 8, "seconds": 18, "timeout": 5.0},
        conditions=_conditions(name),
        caveats=("a 40 ms plateau with an idle CPU: Nagle with delayed ACK",) if name == "wsgiref" else (),
        note="the noise is wider than the threshold" if name == "pyuwsgi" else "",
        seconds=20.3,
        log="[CRITICAL] WORKER TIMEOUT (pid:4711) <script>window.hacked=7</script>\n" if "sync" in name else "",
    )


def _throughput(name: str, index: int) -> m.ScenarioResult:
    rate = 900 + 700 * index
    steps = tuple(
        m.Step(n, 1.0, n / rate, 3 * n / rate, rate * (1 - 0.5 / n) if not (name == "wsgiref" and n == 64) else None)
        for n in (1, 8, 64)
    )
    return m.ScenarioResult(
        name,
        "throughput",
        m.Grade.MEASURED,
        1.0,
        steps=steps,
        generator=m.GeneratorHealth(True, 0.6),
        parameters={"connections": [1, 8, 64]},
        conditions=_conditions(name),
        seconds=9.1,
    )


def _slow_headers(name: str) -> m.ScenarioResult:
    star = {"werkzeug": 1, "gunicorn:sync": 2, "pyuwsgi": 1, "gunicorn:gthread": 9, "wsgiref": 1}.get(name)
    if name == "wsgiref":
        return m.ScenarioResult(
            name, "slow-headers/byte", m.Grade.ERROR, note="OutOfResources: no descriptors left", seconds=1.0
        )
    if name == "werkzeug:threaded":
        return m.ScenarioResult(
            name, "slow-headers/byte", m.Grade.INCONCLUSIVE, 0.98, note="the noise is wider than the threshold"
        )
    steps = []
    n = 1
    while n <= 256:
        down = star is not None and n >= star
        steps.append(m.Step(n, 0.02 if down else 1.0, 0.003, 5.0 if down else 0.01, None, down, down))
        if down:
            break
        n *= 2
    if star == 9:
        steps = [s for s in steps if s.clients < 9] + [
            m.Step(12, 0.1, 3.0, 5.0, None, True, True),
            m.Step(9, 0.4, 1.0, 5.0, None, True, True),
        ]
    return m.ScenarioResult(
        name,
        "slow-headers/byte",
        m.Grade.COLLAPSED if star else m.Grade.UNAFFECTED,
        0.02 if star else 1.0,
        500.0 if star else 1.1,
        bool(star),
        star,
        2.5 if star else 0.0,
        m.Disconnect("RST", 30.2, 256, 12),
        m.Cost(256, 9_000_000, 256, 0, 0.9),
        m.GeneratorHealth(True, 0.1, 0.0002, 20, 20),
        steps=tuple(steps),
        parameters={"largest": 256},
        conditions=_conditions(name),
        seconds=14.0,
    )
