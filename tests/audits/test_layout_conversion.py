"""Two-dimensional convolutions in the default layout are one finding; their weights give its lower bound."""

import dataclasses

import pytest

from sdprof.audits.layout_conversion import audit
from sdprof.model import ModuleCalls, ModuleProfile
from tests.audits.census import facts, site

IMAGE, SEQUENCE = (2, 64, 32, 32), (2, 64, 32)
CONVOLUTION = ModuleCalls(
    name="unet.in",
    class_name="Conv2d",
    calls=4,
    seconds=0.1,
    flops=1,
    parameters=2**18,
    leaf=True,
    distinct_inputs=4,
    output_bytes=1,
)


def test_one_finding_over_all_convolutions() -> None:
    sites = [site("aten::convolution", line, input_shapes=(IMAGE,)) for line in (10, 20)]
    modules = ModuleProfile(steps=4, run_seconds=1.0, modules=(CONVOLUTION,))
    (finding,) = audit(dataclasses.replace(facts(*sites), modules=modules))
    assert [where.line for where in finding.locations] == [10, 20]
    assert finding.evidence == {"convolution_calls_per_step": 4.0, "convolution_weight_mib": 1.0}
    assert finding.cost is not None
    assert finding.cost.predicted_ms_per_step == pytest.approx(1e3 * 2 * 2**20 / 1e10)


def test_without_known_modules_nothing_is_predicted() -> None:
    (finding,) = audit(facts(site("aten::convolution", input_shapes=(IMAGE,))))
    assert finding.cost is None


def test_one_dimensional_convolutions_have_no_such_layout() -> None:
    assert not list(audit(facts(site("aten::convolution", input_shapes=(SEQUENCE,)))))
