"""Results of slow-client experiments, for tests of their descriptions."""

from wsgi_gauntlet.harness.load.analysis.collapse_search import CollapseBounds
from wsgi_gauntlet.harness.load.experiments.slow_clients import SlowClientResult
from wsgi_gauntlet.harness.model import Grade, Phase


def phase(goodput: float, p99: float, censored: bool = False) -> Phase:
    """Return a phase of five seconds and a hundred requests."""
    return Phase("", 0, 5, 100, {}, goodput, p99=p99, censored=censored)


FINE = SlowClientResult(8, Grade.UNAFFECTED, "why", phase(1, 0.003), phase(1, 0.005), 0.0, 4, None)
DOWN = SlowClientResult(
    8, Grade.COLLAPSED, "why", phase(1, 0.003), phase(0.02, 5.0, True), 0.0, 4, CollapseBounds(0, 1)
)
