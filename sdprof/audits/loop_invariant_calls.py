"""Modules that compute the same thing on every step."""

from __future__ import annotations

from collections.abc import Iterator

from sdprof.audits.found import found
from sdprof.facts.facts import Facts
from sdprof.model import AuditMeta, Cost, Finding, ModuleCalls

META = AuditMeta(
    id="loop-invariant-calls",
    title="Modules get the same input on every step and compute the same output again",
    passed="No module computes the same thing on every step",
    needs=("modules", "loop"),
    severity="medium",
    fixes=("cached-invariant-calls",),
)


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding per user expression, over all modules that it calls.

    Evidence is equality of the inputs' bytes over all calls of one run, so it holds for runs like this one.
    """
    assert facts.modules is not None
    by_place: dict[tuple[str, int, str], list[ModuleCalls]] = {}
    for module in facts.modules.modules:
        if module.leaf and module.distinct_inputs == 1 and module.calls > 1 and not _keeps_result(module):
            where = module.where
            key = (where.file, where.line, module.class_name) if where else ("", 0, module.class_name)
            by_place.setdefault(key, []).append(module)
    for same in by_place.values():
        yield _finding(same, facts.modules.steps)


def _keeps_result(module: ModuleCalls) -> bool:
    """Whether it computed in its first call, and in no other one."""
    return module.flops > 0 and module.computing_calls == 1


def _finding(same: list[ModuleCalls], steps: int) -> Finding:
    calls = sum(module.calls for module in same)
    # The first call of each module has to be made once.
    wasted_seconds = sum(module.seconds * (module.calls - 1) / module.calls for module in same)
    where = same[0].where
    return found(
        META,
        locations=(where,) if where else (),
        count_per_step=calls / steps,
        cost=Cost(
            predicted_ms_per_step=1e3 * wasted_seconds / steps, source="time inside these modules in the observed run"
        ),
        severity="low" if sum(module.parameters for module in same) == 0 else None,
        evidence={
            "modules": len(same),
            "module_class": same[0].class_name,
            "parameters": sum(module.parameters for module in same),
            "gflop_per_step": round(sum(module.flops for module in same) / steps / 1e9, 3),
            "examples": ", ".join(module.name for module in same[:3]),
        },
        explanation="The bytes of the input were equal in all calls of the run: the output could be kept.",
    )
