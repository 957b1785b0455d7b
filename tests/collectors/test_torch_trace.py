import gzip
import json
import logging

import pytest
import torch
from torch_tb_profiler.profiler.data import RunProfileData

from sdprof.collectors import torch_trace
from sdprof.collectors.watched_run import CannotCollectError

LDM = """
class Wrapper(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = net
    def forward(self, y, t):
        return self.inner(y, t)

wrapper = Wrapper()

class Sampler:
    def sample(self, steps):
        y = x.clone()
        for t in range(steps):
            y = self.denoise(y, t)
            y = y - y.mean()
        return y
    def denoise(self, y, t):
        return wrapper(y + 1, t) * 2

def decode(y):
    return y.exp()

steps = 3
def run():
    return decode(Sampler().sample(steps))
"""


def events_of(watched, artifact):
    with gzip.open(watched.folder / artifact.file) as file:
        return json.load(file)["traceEvents"]


def steps_of(events):
    return [event for event in events if event.get("name", "").startswith("ProfilerStep#")]


def names_within(events, step):
    return {
        event["name"]
        for event in events
        if event.get("ph") == "X"
        and step["ts"] <= event["ts"]
        and event["ts"] + event["dur"] <= step["ts"] + step["dur"]
    }


def test_each_step_is_annotated_and_nests(watch):
    watched = watch(LDM)
    artifact = torch_trace.collect(watched)
    events = events_of(watched, artifact)
    steps = steps_of(events)

    assert artifact.steps == 3
    assert artifact.first_step == 0
    assert artifact.whole_run
    assert artifact.with_shapes
    assert artifact.with_stacks
    assert not artifact.with_cuda
    assert artifact.bytes == (watched.folder / artifact.file).stat().st_size
    assert [step["name"] for step in steps] == ["ProfilerStep#0", "ProfilerStep#1", "ProfilerStep#2"]
    for step in steps:
        assert {"aten::silu", "nn.Module: Wrapper_0", "nn.Module: Net_0"} <= names_within(events, step)
        assert "aten::exp" not in names_within(events, step)
    others = [event for event in events if event.get("ph") == "X" and event not in steps]
    for step in steps:
        start, end = step["ts"], step["ts"] + step["dur"]
        for other in others:
            a, b = other["ts"], other["ts"] + other["dur"]
            tolerance = 0.002  # microseconds; floats of 1e12 end there
            assert not (a < start - tolerance and start + tolerance < b < end - tolerance), other
            assert not (start + tolerance < a < end - tolerance and b > end + tolerance), other


def test_the_plugin_of_tensorboard_reads_the_steps(watch, caplog, tmp_path):
    watched = watch(LDM)
    artifact = torch_trace.collect(watched)
    with caplog.at_level(logging.ERROR):
        profile = RunProfileData.parse("worker", "span", str(watched.folder / artifact.file), str(tmp_path))
        profile.process()

    assert profile.steps_names == ["0", "1", "2"]
    assert "intersect" not in caplog.text


def test_of_a_long_run_some_steps_are_recorded(watch):
    watched = watch(LDM.replace("steps = 3", "steps = 9"), options={"torch_trace.steps": "2"})
    artifact = torch_trace.collect(watched)
    events = events_of(watched, artifact)

    assert (artifact.first_step, artifact.steps, artifact.whole_run) == (1, 2, False)
    assert [step["name"] for step in steps_of(events)] == ["ProfilerStep#1", "ProfilerStep#2"]
    assert sum(event.get("name") == "aten::silu" for event in events) == 2


def test_compiled_variants_are_recorded_plainly(watch):
    watched = watch(LDM, compiled=True)
    artifact = torch_trace.collect(watched)
    events = events_of(watched, artifact)

    assert not artifact.with_stacks
    assert artifact.with_memory
    assert "[memory]" in {event.get("name") for event in events}
    assert len(steps_of(events)) == artifact.steps == 3
    assert "python_function" not in {event.get("cat") for event in events}


def test_a_run_without_repetition_is_recorded(watch):
    watched = watch("def run(): return net(x, 1)")
    artifact = torch_trace.collect(watched)

    assert artifact.steps == 1
    assert "aten::silu" in {event.get("name") for event in events_of(watched, artifact)}


def test_nothing_unfinished_stays_when_the_run_raises(watch):
    watched = watch(LDM)
    object.__setattr__(watched, "run", lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        torch_trace.collect(watched)
    assert list(watched.folder.iterdir()) == []
    with torch.profiler.profile():  # the profiler was stopped
        pass


def test_a_setting_that_is_no_number(watch):
    watched = watch(LDM, options={"torch_trace.steps": "many"})
    with pytest.raises(CannotCollectError, match=r"torch_trace\.steps is 'many'"):
        torch_trace.collect(watched)
