"""Audits that compare nothing (recorded traces, simulated runs) open with what they saw, in every rendering."""

import msgspec
import pytest

from sdprof.renderers import html, markdown, terminal
from sdprof.renderers.headline import headline
from tests.renderers.observed_samples import recorded
from tests.renderers.read_page import Page
from tests.renderers.samples import shapes, simulation

SAMPLES = {
    "trace": lambda: recorded("mi300_sd35_4steps"),
    "training trace": lambda: recorded("a100_train_control"),
    "trace without steps": lambda: recorded("a100_alexnet"),
    "host trace": lambda: recorded("cpu_toy_loop"),
    "simulated": simulation,
    "counted": shapes,
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
    head = headline(recorded("mi300_sd35_4steps"))
    assert head.title == "The GPU stood idle 36% of 4 steps of the loop"
    assert head.tone == "bad"
    assert "Python 30%" in head.sentence
    assert headline(recorded("v100_train_test")).tone == "good"


def test_steps_that_launched_nothing_on_the_gpu_say_nothing_of_its_idle_time() -> None:
    result = recorded("mi300_sd35_4steps")
    assert result.trace is not None
    assert result.trace.loop_idle is not None
    nothing = dict.fromkeys(result.trace.loop_idle.__struct_fields__, 0.0)
    trace = msgspec.structs.replace(result.trace, loop_idle=type(result.trace.loop_idle)(**nothing))
    head = headline(msgspec.structs.replace(result, trace=trace))
    assert head.title == "The GPU stood idle 39% of the whole recording"


def test_a_bound_is_called_a_bound_and_what_does_not_fit_is_left_out_of_it() -> None:
    head = headline(shapes())
    assert head.title == "1.60 TFLOP a step, 20 GiB of memory at the peak"
    least = head.observations[0]
    assert least.figure == "200 ms to 1.50 s"
    assert "where it fits" in least.sentence
    assert "2 of 3 GPUs" in head.observations[1].sentence
    assert "not a prediction of its time" in head.sentence


def test_a_simulated_run_promises_no_time() -> None:
    head = headline(simulation())
    assert head.title == "Copies and waits: 2 a step"
    assert "nothing was timed" in head.sentence
