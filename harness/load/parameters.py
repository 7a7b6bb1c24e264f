"""Typed parameters of scenarios. Each has a unit, a meaning, and values for quick and for full runs.

    @dataclass(frozen=True, kw_only=True)
    class ChurnParameters(Parameters):
        duration: Annotated[float, Parameter("s", "length of each phase")]

A field is an int (a whole number), a float, or `float | None` for a parameter that has no value by default.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, get_args, get_type_hints

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model.naming import did_you_mean


@dataclass(frozen=True)
class Parameter:
    """The unit ('' for a plain number), the meaning and the smallest value of a parameter. 0 itself is never valid."""

    unit: str
    meaning: str
    minimum: float = 0.0


@dataclass(frozen=True)
class DeclaredParameter:
    """One field of a class of parameters."""

    name: str
    unit: str
    meaning: str
    minimum: float
    whole: bool

    def convert(self, value: object, scenario: str) -> float:
        """Return `value`, a number or its text, as this parameter of `scenario`. Raises ConfigurationError."""
        try:
            number = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]  # may raise
        except (TypeError, ValueError):
            number = math.nan
        if not max(self.minimum, math.ulp(0.0)) <= number < math.inf or (self.whole and number != int(number)):
            kind = "a whole number" if self.whole else "a number"
            least = f"of at least {self.minimum:g}" if self.minimum else "above 0"
            unit = f" in {self.unit}" if self.unit else ""
            raise ConfigurationError(
                f"{scenario}: parameter {self.name!r} ({self.meaning}) must be {kind} {least}{unit}, not {value!r}"
            )
        return int(number) if self.whole else number


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Base of the parameters of all scenarios."""

    @classmethod
    def declared(cls) -> dict[str, DeclaredParameter]:
        """Return the declared parameters by name."""
        hints = get_type_hints(cls, include_extras=True)
        found = {}
        for field in dataclasses.fields(cls):
            kind, parameter = get_args(hints[field.name])
            found[field.name] = DeclaredParameter(
                field.name, parameter.unit, parameter.meaning, parameter.minimum, whole=kind is int
            )
        return found

    def with_overrides(self, overrides: Mapping[str, object], scenario: str) -> Self:
        """Return these parameters with some values replaced.

        Raises ConfigurationError for a name that `scenario` does not declare, and for a value of the wrong kind.
        """
        declared = self.declared()
        for name in overrides:
            if name not in declared:
                raise ConfigurationError(
                    f"{scenario} has no parameter {name!r}{did_you_mean(name, declared)}; "
                    f"its parameters are {describe_parameters(declared)}"
                )
        changes: dict[str, Any] = {name: declared[name].convert(value, scenario) for name, value in overrides.items()}
        return dataclasses.replace(self, **changes)

    def values(self) -> dict[str, float]:
        """Return the values by name, without those that are not set."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}


def describe_parameters(declared: Mapping[str, DeclaredParameter]) -> str:
    """Return the names of parameters with their units: `clients, duration (s), rate (requests/s)`."""
    return ", ".join(f"{each.name} ({each.unit})" if each.unit else each.name for each in declared.values())
