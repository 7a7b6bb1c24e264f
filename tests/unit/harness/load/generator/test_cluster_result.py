"""The merged result of the workers of a cluster, and the health of each."""

from __future__ import annotations

import dataclasses

import pytest

from wsgi_gauntlet.harness.load.analysis.generator_caveats import generator_caveats
from wsgi_gauntlet.harness.load.generator.cluster_result import ClusterResult, Shard
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.stats.histogram import Histogram


def result(responses: int, cpu_seconds: float) -> GeneratorResult:
    latency = Histogram()
    latency.record(1_000_000, responses)
    return GeneratorResult(1, 2.0, cpu_seconds, latency, latency, Histogram())


def test_the_health_of_each_worker_is_shown_and_one_unfit_worker_makes_the_result_invalid() -> None:
    fit = result(500, 0.5)
    unfit = result(10, 1.99)
    shards = (Shard("worker a on x", 0.001, fit), Shard("worker b on y", 0.0, fit), Shard("worker c on z", 0.0, unfit))
    health = ClusterResult.of(shards, ["worker d was lost"]).health()
    assert not health.valid
    assert health.why.startswith("worker c on z: the generator used 100 % of its core")
    assert [(each.worker, each.valid, each.clock_offset) for each in health.workers] == [
        ("worker a on x", True, 0.001),
        ("worker b on y", True, 0.0),
        ("worker c on z", False, 0.0),
    ]
    assert ClusterResult.of(shards[:2]).health().valid


def test_a_lost_round_is_a_caveat_also_after_a_change_of_the_result() -> None:
    shard = Shard("worker a on x", 0.0, result(500, 0.5))
    found = dataclasses.replace(ClusterResult.of([shard, shard], ["worker b is lost"]), began=5.0)
    assert (found.ok, found.processes, found.began) == (1000, 2, 5.0)
    assert "a load was run again: worker b is lost" in generator_caveats([found])


def test_without_a_shard_there_is_no_result() -> None:
    with pytest.raises(ValueError, match="at least one"):
        ClusterResult.of([])
