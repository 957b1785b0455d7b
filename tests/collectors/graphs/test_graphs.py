"""Loops with known breaks, and one without any."""

import logging

import pytest
import torch

from sdprof.collectors import graphs
from sdprof.collectors.watched_run import CannotCollectError

CLEAN = """
class Sampler:
    def __init__(self):
        self.levels = torch.linspace(1.0, 0.1, 5)

    def model(self, x, t):
        return net(x, t)

    def step(self, x, t):
        return x - t * self.model(x, t)

    @torch.no_grad()
    def sample(self, x):
        for t in self.levels:
            x = self.step(x, t)
        return x

def run():
    return Sampler().sample(x)
"""

BROKEN = """
import contextlib, time
import numpy as np
from tqdm import tqdm

@contextlib.contextmanager
def timed():
    started = time.time()  # clock
    yield
    time.time() - started

class Sampler:
    def __init__(self):
        self.table = np.linspace(1.0, 0.1, 4)
        self.levels = torch.linspace(1.0, 0.1, 4)

    def model(self, x, t):
        return net(x, t)

    def measured(self, x):
        with timed():
            return x * 1

    def step(self, x, index, history):
        e = self.model(x, self.levels[index])  # index
        if len(history) > 1:  # length
            e = (e + history[-1]) / 2
        scale = torch.full((1,), self.table[index])  # table
        if e.sum() > 1e9:  # branch
            e = e * 2
        mean = e.mean().item()  # item
        history.append(e)
        x = self.measured(x)
        return x - scale * e + 0 * mean

    @torch.no_grad()
    def sample(self, x):
        generator = torch.Generator().manual_seed(0)  # generator
        x = x + 0 * torch.randn(x.shape, generator=generator)
        print("sampling")  # print
        history = []
        for index in tqdm(range(4), disable=True):  # progress
            x = self.step(x, index, history)
        return x

sampler = Sampler()

def run():
    return sampler.sample(x)
"""


def lines(watched, region, kind):
    source = watched.source_roots[0].read_text(encoding="utf-8").splitlines()
    found = {}
    for site in region.sites:
        if site.kind == kind:
            assert site.where.file == str(watched.source_roots[0])
            code = source[site.where.line - 1]
            assert site.where.code == code
            found[code.partition("# ")[2]] = site
    return found


def by_name(profile):
    return {(region.name, region.grad): region for region in profile.regions}


def test_a_clean_loop_is_a_clean_pass(watch):
    profile = graphs.collect(watch(CLEAN))
    regions = by_name(profile)

    assert list(regions) == [
        (name, grad) for name in ("net", "model call", "sampler step", "whole loop") for grad in (False, True)
    ]
    for region in regions.values():
        assert (region.graphs, region.breaks, region.recompiles, region.sites, region.error) == (1, 0, 0, (), "")
        assert region.stand_in == (region.name != "net")
    assert profile.skipped == ()
    assert {name: regions[name, False].function for name, _ in regions} == {
        "net": "Net.forward",
        "model call": "Sampler.model",
        "sampler step": "Sampler.step",
        "whole loop": "Sampler.sample",
    }
    assert {name: regions[name, False].calls for name, _ in regions} == {
        "net": 2,
        "model call": 5,
        "sampler step": 5,
        "whole loop": 1,
    }
    assert regions["net", False].operators == 3


def state_of(watched):
    """What could be left behind."""
    module = watched.hot_modules["net"]
    net, sampler = type(module), watched.run.__globals__["sampler"]
    functions = [net.forward, type(sampler).step, type(sampler).model, type(sampler).sample.__wrapped__]
    trace_log = logging.getLogger("torch.__trace")

    return (
        [
            (function.__code__, function.__defaults__, function.__kwdefaults__, dict(function.__dict__))
            for function in functions
        ],
        {name: value for name, value in module.__dict__.items() if name != "_parameters"},
        [len(module._forward_hooks), len(module._forward_pre_hooks)],
        list(trace_log.handlers),
        trace_log.level,
        torch._dynamo.config.get_config_copy(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.get_rng_state().tolist(),
        sorted(watched.folder.iterdir()),
    )


def test_known_breaks_are_found_at_their_lines_and_nothing_is_left_behind(watch):
    watched = watch(BROKEN)
    torch.compile(lambda x: x + 1, backend="eager")(torch.ones(1))  # torch's own handler goes at the first record
    expected = watched.run()
    before = state_of(watched)

    regions = by_name(graphs.collect(watched))

    assert state_of(watched) == before
    assert torch.equal(watched.run(), expected)
    assert regions["model call", False].breaks == 0
    step = regions["sampler step", False]
    assert {"table", "branch", "clock"} <= set(lines(watched, step, "break"))
    assert set(lines(watched, step, "recompile")) >= {"index", "length"}
    table = lines(watched, step, "break")["table"]
    assert table.seen_by == ("explain", "structured trace")
    assert table.where.function == "Sampler.step"
    assert table.where.code[table.where.column : table.where.end_column] == "self.table[index]"
    assert lines(watched, step, "break")["clock"].seen_by == ("structured trace",)
    assert "ndarray" in table.reason
    assert "len(history)" in lines(watched, step, "recompile")["length"].reason
    assert step.breaks == sum(site.count for site in step.sites if site.kind == "break")
    assert step.recompiles == sum(site.count for site in step.sites if site.kind == "recompile")

    loop = lines(watched, regions["whole loop", False], "break")
    assert {"generator", "print", "progress", "table", "branch"} <= set(loop)
    assert "print" in loop["print"].reason
    assert "left to Python" in loop["progress"].hint
    for name in ("sampler step", "whole loop"):
        assert set(lines(watched, regions[name, True], "break")) == set(lines(watched, regions[name, False], "break"))


def test_it_ends_at_the_budget_and_says_so(watch):
    watched = watch(BROKEN, options={"graphs.seconds": "0.3"})
    profile = graphs.collect(watched)

    assert profile.skipped
    assert all("time for this section was used up" in reason for reason in profile.skipped)
    assert len(profile.regions) + len(profile.skipped) == 8
    assert not any(region.error and not region.graphs and not region.sites for region in profile.regions)
    expected = watched.run()
    # TorchDynamo was stopped in the middle of its work: it still works.
    compiled = torch.compile(watched.hot_modules["net"], backend="eager", fullgraph=True)
    x = torch.ones(2, 8)
    assert torch.equal(compiled(x, 2.0), watched.hot_modules["net"](x, 2.0))
    assert torch.equal(watched.run(), expected)
    assert torch.is_grad_enabled()


def test_a_step_that_takes_a_python_number(watch):
    watched = watch(
        """
        def step(x, t):
            return x - 0.01 * t * net(x, t)  # number

        def run():
            y = x
            for t in (981, 761, 541, 321, 101):
                y = step(y, t)
            return y
        """
    )
    regions = by_name(graphs.collect(watched))

    step = regions["sampler step", False]
    assert (step.breaks, step.recompiles) == (0, 1)
    assert "981" in step.sites[0].reason
    assert regions["net", False].recompiles == 1


def test_the_loop_in_a_closure(watch):
    watched = watch(
        """
        def build():
            levels = torch.linspace(1, 0, 4)
            def run():
                y = x
                for t in levels:
                    print(t.shape)  # print
                    y = net(y, t)
                return y
            return run
        run = build()
        """
    )
    regions = by_name(graphs.collect(watched))

    assert regions["whole loop", False].function == "build.<locals>.run"
    assert set(lines(watched, regions["whole loop", False], "break")) == {"print"}
    assert set(regions) == {(name, grad) for name in ("net", "whole loop") for grad in (False, True)}


def test_what_cannot_be_replaced_is_skipped_and_its_neighbour_taken(watch):
    watched = watch(
        """
        def steps(y):
            def denoise(y, t):
                return y - net(y, t)
            for t in torch.linspace(1, 0, 4):
                y = denoise(y, t)
                yield y

        def run():
            for y in steps(x):
                pass
            return y
        """
    )
    profile = graphs.collect(watched)

    assert by_name(profile)["whole loop", False].function == "run"
    assert len(profile.skipped) == 2
    assert profile.skipped[0].startswith("sampler step: steps.<locals>.denoise: it is made anew in each call")
    assert profile.skipped[1].startswith("sampler step with grad: ")


def test_a_run_in_inference_mode(watch):
    watched = watch(
        """
        from torch.utils.checkpoint import checkpoint
        def model(x, t):
            return net(x, t)
        def run():
            with torch.inference_mode():
                y = x + 0
                for t in torch.linspace(1, 0, 4):
                    y = y - model(y, t)
                return y
        """
    )
    regions = by_name(graphs.collect(watched))
    assert [(region.breaks, region.error) for region in regions.values()] == [(0, "")] * 6


def test_a_loop_that_raises_is_told(watch):
    watched = watch(
        """
        def step(x, t):
            if t > 0 and len(runs) > 2:
                raise KeyError("no such step")
            return net(x, t)
        runs = []
        def run():
            runs.append(0)
            y = x
            for t in range(3):
                y = step(y, t)
            return y
        """
    )
    regions = by_name(graphs.collect(watched))
    assert regions["model call", False].error == "KeyError: 'no such step'"
    assert regions["net", False].error == "the run ended with KeyError: 'no such step'"


def test_a_module_that_is_never_called(watch):
    with pytest.raises(CannotCollectError, match="never calls the hot module 'net'"):
        graphs.collect(watch("def run(): return x"))


@pytest.mark.parametrize("given", ["soon", "-1", "nan", "inf", "0"])
def test_a_budget_that_is_no_number(watch, given):
    with pytest.raises(CannotCollectError, match=r"graphs\.seconds"):
        graphs.collect(watch(CLEAN, options={"graphs.seconds": given}))


def test_dynamo_switched_off(watch):
    with torch._dynamo.config.patch(disable=True), pytest.raises(CannotCollectError, match="switched off"):
        graphs.collect(watch(CLEAN))


def test_without_grad_alone(watch):
    profile = graphs.collect(watch(BROKEN, options={"graphs.grad": "off"}))
    assert profile.regions
    assert not any(region.grad for region in profile.regions)
    with pytest.raises(CannotCollectError, match="none of on, off, only"):
        graphs.collect(watch(CLEAN, options={"graphs.grad": "yes"}))
