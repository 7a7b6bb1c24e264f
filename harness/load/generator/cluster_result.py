"""The measurements of several machines together, and whether each of them was fit to make them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult, merge_results
from wsgi_gauntlet.harness.model import GeneratorHealth, WorkerHealth


@dataclass(frozen=True)
class Shard:
    """The result of one worker of a cluster, and by how many seconds its clock differs from that of the scheduler."""

    worker: str
    clock_offset: float
    result: GeneratorResult

    def health(self, time_resolution: float = 0.0) -> WorkerHealth:
        """Return whether the generator of this worker kept up; `time_resolution` as in GeneratorResult."""
        found = self.result.health(time_resolution)
        return WorkerHealth(
            self.worker,
            found.valid,
            found.cpu_share,
            found.lateness_p99,
            found.offered,
            found.achieved,
            self.clock_offset,
            found.why,
        )


@dataclass(frozen=True)
class ClusterResult(GeneratorResult):
    """The merged result of `shards`. `repeated` has, for each round that was run again, why."""

    shards: tuple[Shard, ...] = ()
    repeated: tuple[str, ...] = ()

    @classmethod
    def of(cls, shards: Sequence[Shard], repeated: Sequence[str] = ()) -> ClusterResult:
        """Return the merged result. Raises ValueError for no shards."""
        merged = merge_results(each.result for each in shards)
        values = {each.name: getattr(merged, each.name) for each in dataclasses.fields(GeneratorResult)}
        return cls(**values, shards=tuple(shards), repeated=tuple(repeated))

    def health(self, time_resolution: float = 0.0) -> GeneratorHealth:
        """Return whether all generators kept up. One that did not makes the result invalid, also if many others did."""
        found = super().health(time_resolution)
        workers = tuple(each.health(time_resolution) for each in self.shards)
        unfit = next((f"{each.worker}: {each.why}" for each in workers if not each.valid), "")
        return msgspec.structs.replace(found, valid=found.valid and not unfit, why=unfit or found.why, workers=workers)
