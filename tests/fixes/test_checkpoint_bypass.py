import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from sdprof.fixes.checkpoint_bypass import apply
from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.machinery.checkpoint_calls import watched


class RunsLater(torch.autograd.Function):
    """Checkpointing as people write it: the inner function runs without gradients."""

    calls = 0

    @staticmethod
    def forward(ctx, run, length, *args):
        RunsLater.calls += 1
        ctx.run = run
        ctx.inputs = list(args[:length])
        ctx.parameters = list(args[length:])
        with torch.no_grad():
            return ctx.run(*ctx.inputs)

    @staticmethod
    def backward(ctx, *gradients):
        inputs = [x.detach().requires_grad_(True) for x in ctx.inputs]
        with torch.enable_grad():
            output = ctx.run(*inputs)
        return (None, None, *torch.autograd.grad(output, inputs + ctx.parameters, gradients, allow_unused=True))


class Plain(torch.autograd.Function):
    """A wrapper that keeps no count, which compiled code could not."""

    @staticmethod
    def forward(ctx, run, x):
        with torch.no_grad():
            return run(x)

    @staticmethod
    def backward(ctx, gradient):
        return None, gradient


class Scaled(torch.autograd.Function):
    """Given a function too, but does more than call it."""

    @staticmethod
    def forward(ctx, run, x):
        with torch.no_grad():
            return run(x) * 2

    @staticmethod
    def backward(ctx, gradient):
        return None, gradient


class FlaggedBlock(nn.Module):
    def __init__(self, flag_name):
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.flag_name = flag_name
        setattr(self, flag_name, True)

    def forward(self, x):
        if getattr(self, self.flag_name):
            return RunsLater.apply(self._forward, 1, x, *self.parameters())
        return self._forward(x)

    def _forward(self, x):
        return torch.tanh(self.layer(x))


class AlwaysBlock(nn.Module):
    def __init__(self, way):
        super().__init__()
        self.layer, self.way = nn.Linear(8, 8), way

    def forward(self, x):
        return self.way(lambda h: torch.tanh(self.layer(h)), x)


WAYS = {
    "own function": lambda run, x: RunsLater.apply(run, 1, x),
    "torch reentrant": lambda run, x: checkpoint(run, x, use_reentrant=True),
    "torch": lambda run, x: checkpoint(run, x, use_reentrant=False, preserve_rng_state=False),
}


def equal(one, two):
    return all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize("flag", ["use_checkpoint", "gradient_checkpointing", "checkpoint"])
def test_flags_that_are_the_switch_are_turned_off(loop_of, flag):
    model = nn.Sequential(FlaggedBlock(flag), FlaggedBlock(flag))
    model[0].loaded_from_checkpoint = True  # speaks of checkpoints, switches nothing
    loop = loop_of(model, torch.randn(2, 8))
    before = loop.run()
    did = apply(loop.subject)
    RunsLater.calls = 0
    assert equal(before, loop.run())
    assert RunsLater.calls == 0
    assert [getattr(block, flag) for block in model] == [False, False]
    assert model[0].loaded_from_checkpoint is True
    assert did == (f"unet: set {flag} to False on 2 modules of class FlaggedBlock.",)
    assert not loop.subject.around_run


@pytest.mark.parametrize("way", WAYS)
def test_wrappers_without_a_flag_are_called_through(loop_of, way):
    model = nn.Sequential(AlwaysBlock(WAYS[way]), AlwaysBlock(WAYS[way]))
    loop = loop_of(model, torch.randn(2, 8))
    before = loop.run()
    did = apply(loop.subject)
    assert "2 calls of" in did[0]
    with torch.profiler.profile(with_stack=True) as profile:
        after = loop.run()
    assert equal(before, after)
    names = {event.name for event in profile.events()}
    assert not any("apply" in name and "Function" in name for name in names)
    assert not any("torch/utils/checkpoint.py" in name for name in names)


@pytest.mark.parametrize("way", WAYS)
def test_outside_the_run_and_under_grad_everything_is_as_before(loop_of, way):
    block = AlwaysBlock(WAYS[way])
    loop = loop_of(block, torch.randn(2, 8))
    own_apply = vars(RunsLater).get("apply")
    apply(loop.subject)
    loop.run()
    assert vars(RunsLater).get("apply") is own_apply
    with loop.subject.around_run[0](), watched() as calls:
        x = torch.randn(2, 8, requires_grad=True)
        block(x).sum().backward()
    assert x.grad is not None
    assert checkpoint is torch.utils.checkpoint.checkpoint
    assert calls.count >= 0


def test_a_compiled_block_has_no_break(loop_of):
    torch._dynamo.reset()
    loop = loop_of(AlwaysBlock(lambda run, x: Plain.apply(run, x)), torch.randn(2, 8), steps=1)
    before = loop.run()
    apply(loop.subject)
    loop.module.compile(backend="eager", fullgraph=True)
    assert equal(before, loop.run())


def test_declines_under_grad_and_where_nothing_is_wrapped(loop_of):
    with pytest.raises(DeclinedError, match="inference-mode"):
        apply(loop_of(FlaggedBlock("use_checkpoint"), torch.randn(2, 8), grad=True).subject)
    with pytest.raises(DeclinedError, match="No call"):
        apply(loop_of(nn.Linear(8, 8), torch.randn(2, 8)).subject)


def test_an_autograd_function_that_does_more_is_left_alone(loop_of):
    loop = loop_of(AlwaysBlock(lambda run, x: Scaled.apply(run, x)), torch.randn(2, 8))
    before = loop.run()
    with pytest.raises(DeclinedError, match="No call"):
        apply(loop.subject)
    assert equal(before, loop.run())
