"""What makes figures misleading is said."""

from wsgi_gauntlet.harness.load.artefacts import artefacts
from wsgi_gauntlet.harness.model import Outcome, Sample


def samples(service: float, number: int = 40, outcome: Outcome = Outcome.OK) -> list[Sample]:
    return [Sample(at / 20, service, service, outcome) for at in range(number)]


def test_good_figures_need_no_words() -> None:
    assert artefacts(samples(0.002), kept=20, to_keep=20, flying=0.04, elapsed=2) == ()
    assert artefacts([], kept=0, to_keep=0, flying=0, elapsed=2) == ()


def test_a_plateau_at_40_ms() -> None:
    mixed = samples(0.002, 30) + samples(0.041, 10)
    found = artefacts(mixed, kept=20, to_keep=20, flying=0.4, elapsed=2)
    assert len(found) == 1
    assert "25 % of the answers took 40 ms" in found[0]


def test_wrong_bodies() -> None:
    found = artefacts(samples(0.002) + samples(0.002, 2, Outcome.WRONG), kept=1, to_keep=20, flying=0, elapsed=2)
    assert "2 answers had a wrong body" in found[0]


def test_connections_that_are_never_kept() -> None:
    assert "kept no connection" in artefacts(samples(0.002), kept=0, to_keep=20, flying=0, elapsed=2)[0]
    assert artefacts(samples(0.002), kept=0, to_keep=9, flying=0, elapsed=2) == ()


def test_littles_law() -> None:
    assert artefacts(samples(0.5), kept=1, to_keep=20, flying=10, elapsed=2) == ()
    assert "Little's law" in artefacts(samples(0.5), kept=1, to_keep=20, flying=1, elapsed=2)[0]
    assert "Little's law" in artefacts(samples(0.001), kept=1, to_keep=20, flying=9, elapsed=2)[0]
