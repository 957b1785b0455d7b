"""budget.toml: the limits that an audit has to keep."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec

LIMIT_BYTES = 2**20
NEAR = 0.8
"""From this likeness on (0 to 1, difflib's ratio) a target's name is taken for a slip of another."""

Count = Annotated[float, msgspec.Meta(ge=0)]
Positive = Annotated[float, msgspec.Meta(gt=0)]


class BudgetError(Exception):
    """One sentence that says what is wrong with the budget and what to do."""


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits on one audit; None is no limit."""

    side: Literal["before", "after"] | None = None
    """What is held to them: the code as it is (the default), or the variant with the chosen fixes."""
    graph_breaks: Count | None = None
    """At most so many in each region without grad."""
    recompiles: Count | None = None
    """At most so many in each region without grad."""
    syncs_per_step: Count | None = None
    h2d_per_step: Count | None = None
    d2h_per_step: Count | None = None
    ms_per_step: Positive | None = None
    """Broken where the whole 95% interval lies above it."""
    speedup_at_least: Positive | None = None
    """On the lower end of the speed-up's 95% interval."""
    peak_memory_mib: Positive | None = None
    same_output: bool | None = None
    """The chosen variant's output has to pass the comparison with the baseline's."""
    high_findings: Count | None = None
    """Findings of high severity that are open or fixed by the chosen variant."""
    new_findings: Count | None = None
    """Findings that the run named with --baseline does not have."""
    unmeasured: Literal["fail", "pass"] | None = None
    """What becomes of a limit on something that the audit could not measure: it fails, unless told to pass."""


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    limits: Limits = Limits()
    targets: dict[str, Limits] = {}
    """By a target's name: these go before ``limits``, one by one."""

    def limits_of(self, target: str) -> Limits:
        """The limits that hold for a target."""
        own = self.targets.get(target)
        if own is None:
            return self.limits
        given = {name: value for name, value in msgspec.structs.asdict(own).items() if value is not None}
        return msgspec.structs.replace(self.limits, **given)

    def unused(self, checked: Sequence[str]) -> tuple[str, ...]:
        """Targets with limits of their own of which no run is checked."""
        return tuple(name for name in self.targets if name not in checked)

    def mistyped(self, checked: Sequence[str], known: Sequence[str] = ()) -> tuple[str, str] | None:
        """(A target of the budget that is likely a slip, the checked target that was meant); None without any.

        One budget may hold targets that are checked elsewhere: only a name like that of a checked target without limits
        of its own is a slip.

        :param known: names of targets that there are.
        """
        without = [name for name in checked if name not in self.targets]
        for name in self.unused(checked):
            near = [] if name in known else difflib.get_close_matches(name, without, 1, NEAR)
            if near:
                return name, near[0]
        return None


def read_budget(path: Path) -> Budget:
    """Read a budget.

    :raises BudgetError: where it cannot be read, is no TOML, or names a limit that there is not.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BudgetError(f"The budget {path} cannot be read: {error.strerror or error}.") from None
    if len(data) > LIMIT_BYTES:
        raise BudgetError(f"{path} is larger than {LIMIT_BYTES // 2**20} MiB: that is no budget; it was not read.")
    try:
        budget = msgspec.toml.decode(data, type=Budget)
    except msgspec.ValidationError as error:
        names = ", ".join(field for field in Limits.__struct_fields__)
        raise BudgetError(f"{path} is not a budget: {error}. Limits are: {names}.") from None
    except msgspec.DecodeError as error:
        raise BudgetError(f"{path} is not TOML: {error}.") from None
    for name, limits in (
        ("limits", budget.limits),
        *((f"targets.{name}", own) for name, own in budget.targets.items()),
    ):
        for limit, value in msgspec.structs.asdict(limits).items():
            if isinstance(value, float) and not math.isfinite(value):
                raise BudgetError(f"{path} is not a budget: {limit} in [{name}] is {value}; leave it out for no limit.")
    if budget == Budget():
        raise BudgetError(f"{path} sets no limit: write one under [limits], for example graph_breaks = 0.")
    return budget
