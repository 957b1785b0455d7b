"""Audits that compare nothing (recorded traces, simulated runs) open with what they saw, in every rendering."""

from pathlib import Path

import msgspec
import pytest

from sdprof.model import (
    AuditResult,
    CostProfile,
    GpuPrediction,
    Location,
    Transfers,
    TransferSection,
    TransferSite,
)
from sdprof.renderers import html, markdown, terminal
from sdprof.renderers.headline import headline
from sdprof.stages.recorded import audit_recorded
from tests.renderers.samples import faster
from tests.renderers.test_html_page import Page

TRACES = Path(__file__).parents[1] / "golden" / "traces"


def trace(name: str) -> AuditResult:
    return audit_recorded(TRACES / f"{name}.json.gz", command=f"sdprof trace {name}.json.gz").result


def bound(gpu: str, seconds: float, *, fits: bool = True) -> GpuPrediction:
    return GpuPrediction(
        gpu=gpu,
        run_seconds=seconds,
        step_seconds=seconds / 6,
        memory_bound_share=0.4,
        fits_in_memory=fits,
        source="a data sheet",
    )


def without_comparison(**fields: object) -> AuditResult:
    bare = {"variants": (), "comparison": None, "fixes": (), "waterfall": (), "findings": (), **fields}
    return msgspec.structs.replace(faster(), **bare)


def simulated() -> AuditResult:
    where = Location(file="/home/user/loop.py", line=3, code="    if sigma > 0:")
    site = TransferSite(kind="SYNC", op="aten::_local_scalar_dense", where=where, count=8, bytes=32, in_loop=True)
    section = TransferSection(device="simulated", steps=4, sites=(site,))
    return without_comparison(kind="simulation", transfers=Transfers(baseline=section))


def counted() -> AuditResult:
    costs = CostProfile(
        steps=6,
        flops=9_600_000_000_000,
        step_flops=1_600_000_000_000,
        bytes=10**11,
        peak_memory_bytes=20 * 2**30,
        weight_bytes=3 * 2**30,
        run_seconds=4.0,
        predictions=(bound("Tesla T4", 2.5, fits=False), bound("NVIDIA A10", 1.5), bound("NVIDIA H100", 0.2)),
    )
    return without_comparison(kind="shapes", costs=costs)


SAMPLES = {
    "trace": lambda: trace("mi300_sd35_4steps"),
    "training trace": lambda: trace("a100_train_control"),
    "trace without steps": lambda: trace("a100_alexnet"),
    "host trace": lambda: trace("cpu_toy_loop"),
    "simulated": simulated,
    "counted": counted,
}


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_rendering_leaves_the_comparison_out(sample: str) -> None:
    result = SAMPLES[sample]()
    head = headline(result)
    source = html.render(result)
    page = Page(source)
    assert page.open == []
    assert len(page.ids()) == len(set(page.ids()))
    assert {attributes["href"] for tag, attributes in page.tags if tag == "a"} <= {f"#{id}" for id in page.ids()}
    for text in (page.text, terminal.render(result), markdown.render(result)):
        assert "ame output" not in text
    assert head.title in page.text
    assert head.observations
    assert all(seen.figure in page.text for seen in head.observations)
    assert "fixes" not in page.ids()


def test_a_trace_opens_with_the_idle_time_of_its_loop() -> None:
    head = headline(trace("mi300_sd35_4steps"))
    assert head.title == "The GPU stood idle 36% of 4 steps of the loop"
    assert head.tone == "bad"
    assert "Python 30%" in head.sentence
    assert headline(trace("v100_train_test")).tone == "good"


def test_a_bound_is_called_a_bound_and_what_does_not_fit_is_left_out_of_it() -> None:
    head = headline(counted())
    assert head.title == "1.60 TFLOP a step, 20.0 GiB of memory at the peak"
    least = head.observations[0]
    assert least.figure == "200 ms to 1.50 s"
    assert "where it fits" in least.sentence
    assert "2 of 3 GPUs" in head.observations[1].sentence
    assert "not a prediction of its time" in head.sentence


def test_a_simulated_run_promises_no_time() -> None:
    head = headline(simulated())
    assert head.title == "Copies and waits: 2 a step"
    assert "nothing was timed" in head.sentence
