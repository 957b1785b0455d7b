"""Leaf modules whose input never changed are found, one finding for each expression that calls them."""

from typing import Any

import pytest

from sdprof.audits.loop_invariant_calls import audit
from sdprof.facts.facts import Facts
from sdprof.model import ModuleCalls, ModuleProfile
from tests.audits.census import place


def calls(name: str, line: int = 10, **fields: Any) -> ModuleCalls:
    values = {"calls": 4, "seconds": 0.4, "distinct_inputs": 1, "leaf": True, "parameters": 64, **fields}
    return ModuleCalls(name=name, class_name="Linear", output_bytes=1, where=place(line), **{"flops": 10**9, **values})


def profile(*modules: ModuleCalls) -> Facts:
    return Facts(modules=ModuleProfile(steps=4, run_seconds=1.0, modules=modules))


def test_modules_of_one_expression_are_one_finding() -> None:
    first, second = audit(profile(calls("unet.a.to_k"), calls("unet.b.to_k"), calls("unet.a.to_v", 11)))
    assert first.evidence["modules"] == 2
    assert first.evidence["examples"] == "unet.a.to_k, unet.b.to_k"
    assert second.locations[0].line == 11


def test_the_first_call_of_each_has_to_be_made() -> None:
    (finding,) = audit(profile(calls("unet.a.to_k")))
    assert finding.cost is not None
    assert finding.cost.predicted_ms_per_step == pytest.approx(1e3 * 0.4 * 3 / 4 / 4)


@pytest.mark.parametrize(
    "fields", [{"computing_calls": 4}, {"computing_calls": None}, {"computing_calls": 0, "flops": 0}]
)
def test_what_computes_each_time_or_counts_nothing_is_found(fields: dict[str, Any]) -> None:
    assert len(list(audit(profile(calls("unet.a.to_k", **fields))))) == 1


def test_a_module_without_weights_matters_less() -> None:
    (finding,) = audit(profile(calls("unet.a.act", parameters=0)))
    assert finding.severity == "low"


@pytest.mark.parametrize("fields", [{"distinct_inputs": 2}, {"leaf": False}, {"calls": 1}, {"computing_calls": 1}])
def test_others_are_left_alone(fields: dict[str, object]) -> None:
    assert not list(audit(profile(calls("unet.a.to_k", **fields))))
