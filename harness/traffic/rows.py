"""The rows of the value lists that present visits use. Pure.

Two present visits have no row in common, as far as a list has as many rows: a row is often the account of a user, and
an app may lock it or keep one session for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from wsgi_gauntlet.harness.traffic.compiled import CompiledTraffic
from wsgi_gauntlet.harness.traffic.visit import Visit


class Rows:
    """The numbers of the visits of `traffic`: `numbers`, except those whose row is in use."""

    def __init__(self, traffic: CompiledTraffic, numbers: Iterator[int]) -> None:
        rows = {each.name: len(each.rows) for each in traffic.traffic.values}
        self._numbers = numbers
        self._lists = [tuple({rows[name] for name in each.lists}) for each in traffic.sequences]
        """The number of rows of each list that a sequence uses. Lists of the same length have the same rows."""
        self._used: dict[int, Counter[int]] = {length: Counter() for length in rows.values()}
        self._present: Counter[int] = Counter()

    def take(self, sequence: int) -> int:
        """Return the number of a new visit; 0 if its sequence uses no list. `release` ends the visit.

        A list with fewer rows than visits is shared, in the order of its rows.
        """
        lists = self._lists[sequence]
        if not lists:
            return 0
        number = next(self._numbers)
        long_enough = [each for each in lists if self._present[each] < each]
        for _ in range(max(long_enough, default=0)):
            if not any(self._used[each][number % each] for each in long_enough):
                break
            number = next(self._numbers)
        for each in lists:
            self._used[each][number % each] += 1
            self._present[each] += 1
        return number

    def has_free(self, sequence: int) -> bool:
        """Return whether each list of a sequence has more rows than there are present visits."""
        return all(self._present[each] < each for each in self._lists[sequence])

    def release(self, visit: Visit) -> None:
        """End a visit whose number is one of `take`."""
        for each in self._lists[visit.sequence]:
            self._used[each][visit.row % each] -= 1
            self._present[each] -= 1
