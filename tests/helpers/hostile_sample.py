"""Results in which every text that comes from a server is hostile."""

from __future__ import annotations

import msgspec

from wsgi_gauntlet.harness import model as m

from .sample_results import build

ATTACK = (
    '<img src=x onerror="window.hacked=1"><script>window.hacked=2</script></script></style></textarea>'
    "<svg onload='window.hacked=3'><a href=\"javascript:window.hacked=4\">x</a></svg>"
    "\x1b[31m\x1b]0;owned\x07 \u202egnp.exe \ud800 \x00 @name #1 {{ 7*7 }} ${7*7} `tick` | =HYPERLINK(1) \u2028 ]]>"
)


def hostile_results() -> m.Results:
    """Return the sample with ATTACK in each place that a server, its log or its package fills."""
    sample = build()
    replace = msgspec.structs.replace
    servers = {
        name: replace(
            each, title=ATTACK, version=ATTACK, variant=ATTACK, command=ATTACK, python=ATTACK, why=ATTACK, get=ATTACK
        )
        for name, each in sample.servers.items()
    }
    statuses = [*m.BaselineStatus]
    cells = tuple(
        replace(
            each,
            actual=ATTACK,
            expected=ATTACK,
            findings=(f"{ATTACK}: {ATTACK}",),
            evidence=m.Evidence(
                tuple(
                    replace(one, data=ATTACK.encode("utf-8", "surrogatepass"), note=ATTACK)
                    for one in each.evidence.wire
                ),
                tuple(replace(one, kind=ATTACK, detail={ATTACK: ATTACK}) for one in each.evidence.app),
                ATTACK,
                (ATTACK,),
            ),
            baseline=m.BaselineExpectation(
                statuses[place % len(statuses)], m.Verdict.WARN, ATTACK, "javascript:window.hacked=5", where=ATTACK
            ),
        )
        for place, each in enumerate(sample.conformance)
    )
    load = tuple(
        replace(
            each,
            note=ATTACK,
            log=ATTACK,
            caveats=(ATTACK,),
            conditions={**each.conditions, ATTACK: ATTACK},
            metrics=tuple(replace(one, label=ATTACK, note=ATTACK) for one in each.metrics),
        )
        for each in sample.load
    )
    return replace(
        sample,
        servers=servers,
        conformance=cells,
        load=load,
        baseline=ATTACK,
        environment={**sample.environment, "processor": ATTACK, ATTACK: ATTACK},
    )
