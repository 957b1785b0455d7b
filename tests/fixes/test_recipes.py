"""Fixes that are tried only where somebody asks: joined products, reused features, 8-bit layers, bfloat16."""

import pytest
import torch
from torch import nn

from sdprof.fixes import bfloat16_autocast, fused_projections, int8_linear, reused_deep_features
from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.machinery.trial import relative_difference
from tests.fixes.models import ConvBlock, SmallUNet, small_unet_inputs


class Attention(nn.Module):
    """Keys and values of one context, queries of another tensor; a switch hands all three the same one."""

    def __init__(self, bias: bool = False) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(16, width, bias=bias) for width in (8, 8, 12))
        self.out = nn.Linear(12, 16)

    def forward(self, x, context=None):
        source = x if context is None else context
        weights = (self.q(x) @ self.k(source).transpose(1, 2)).softmax(-1)
        return self.out(weights @ self.v(source))


def linear_calls(run):
    with torch.profiler.profile() as profile:
        run()
    return sum(event.name == "aten::linear" for event in profile.events())


@pytest.mark.parametrize(("context", "products"), [(None, 2), (torch.randn(2, 3, 16), 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_layers_of_one_input_become_one_product(loop_of, context, products, bias):
    loop = loop_of(Attention(bias), torch.randn(2, 5, 16), context, steps=1)
    before = loop.run()
    assert linear_calls(loop.run) == 4
    did = fused_projections.apply(loop.subject)
    assert linear_calls(loop.run) == products
    assert relative_difference(before, loop.run()) < 1e-5
    assert f"{6 - products - 1} linear layers" in did[0]


def test_joined_weights_that_are_written_to_are_not_ignored(loop_of):
    loop = loop_of(Attention(), torch.randn(2, 5, 16))
    fused_projections.apply(loop.subject)
    with torch.no_grad():
        loop.module.v.weight.mul_(2)
    joined = loop.run()
    for layer in (loop.module.q, loop.module.k, loop.module.v):
        del vars(layer)["forward"]
    assert relative_difference(loop.run(), joined) < 1e-6


class WritesBetween(nn.Module):
    """Hands two layers one tensor, and writes into it in between."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        x = x.clone()
        first = self.one(x)
        return first + self.two(x.add_(1))


class TakesViews(nn.Module):
    """Asks that what a layer returns lies in one piece."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return self.one(x).view(-1) + self.two(x).view(-1)


def test_a_tensor_that_is_written_to_in_between_is_not_the_same_input(loop_of):
    loop = loop_of(WritesBetween(), torch.randn(3, 4))
    before = loop.run()
    fused_projections.apply(loop.subject)
    assert relative_difference(before, loop.run()) < 1e-6


@pytest.mark.parametrize(
    ("module", "arguments", "grad", "said"),
    [
        (TakesViews(), (torch.randn(3, 4),), False, "parts of a product"),
        (SmallUNet(), small_unet_inputs(), False, "No module of the hot module"),
        (Attention(), (torch.randn(2, 5, 16),), True, "add inference-mode"),
    ],
)
def test_joining_declines_and_leaves_every_layer_as_it_was(loop_of, module, arguments, grad, said):
    loop = loop_of(module, *arguments, grad=grad)
    before = loop.run()
    with pytest.raises(DeclinedError, match=said):
        fused_projections.apply(loop.subject)
    assert relative_difference(before, loop.run()) == 0.0


class TwoLevels(nn.Module):
    """One block at full resolution, two at half of it, and the way down and up again; counts what the inner ones do."""

    def __init__(self) -> None:
        super().__init__()
        self.outer = ConvBlock(8)
        self.down = nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self.inner = nn.ModuleList(ConvBlock(8) for _ in range(2))
        self.computed = 0
        self.inner[0].register_forward_pre_hook(lambda *_: None)
        self.inner[0].norm.register_forward_pre_hook(self._note)

    def _note(self, *_):
        self.computed += 1

    def forward(self, x, t, writes=False):
        x = self.outer(x, t)
        deep = self.down(x)
        for block in self.inner:
            deep = block(deep, t)
            if writes:
                deep.mul_(2)
        return x + nn.functional.interpolate(deep, scale_factor=2)


def test_inner_levels_are_computed_in_every_second_step_of_every_run(loop_of):
    loop = loop_of(TwoLevels(), torch.randn(2, 8, 8, 8), torch.randn(2, 16), steps=5)
    before = loop.run()
    did = reused_deep_features.apply(loop.subject)
    assert "2 modules" in did[0]
    loop.module.computed = 0
    assert relative_difference(before, loop.run()) == 0.0  # all steps are alike here, so nothing is lost
    assert loop.module.computed == 3
    loop.run()
    assert loop.module.computed == 6  # a run begins anew


def test_what_follows_may_write_into_features_that_are_reused(loop_of):
    loop = loop_of(TwoLevels(), torch.randn(2, 8, 8, 8), torch.randn(2, 16), writes=True, steps=4)
    before = loop.run()
    reused_deep_features.apply(loop.subject)
    assert relative_difference(before, loop.run()) == 0.0


def test_features_of_other_shapes_are_computed_anew(loop_of):
    module = TwoLevels()
    loop = loop_of(module, torch.randn(2, 8, 8, 8), torch.randn(2, 16))
    other = torch.randn(1, 8, 16, 16), torch.randn(1, 16)
    with torch.no_grad():
        before = module(*other)
        reused_deep_features.apply(loop.subject)
        loop.run()
        assert torch.equal(before, module(*other))


def test_reuse_declines_where_there_is_one_resolution(loop_of):
    loop = loop_of(ConvBlock(8), torch.randn(2, 8, 8, 8), torch.randn(2, 16))
    with pytest.raises(DeclinedError, match="lower resolution"):
        reused_deep_features.apply(loop.subject)


def test_8_bit_layers_are_close_and_their_integers_are_used(loop_of):
    loop = loop_of(Attention(), torch.randn(2, 5, 16), steps=1)
    before = loop.run()
    did = int8_linear.apply(loop.subject)
    with torch.profiler.profile() as profile:
        after = loop.run()
    assert sum(event.name == "quantized::linear_dynamic" for event in profile.events()) == 4
    assert "4 linear layers" in did[0]
    assert 1e-6 < relative_difference(before, after) < 0.1


def test_8_bit_layers_decline_under_autocast_and_without_layers(loop_of):
    with pytest.raises(DeclinedError, match="autocast"):
        int8_linear.apply(loop_of(Attention(), torch.randn(2, 5, 16), autocast=torch.bfloat16).subject)
    with pytest.raises(DeclinedError, match="no fp32 Linear"):
        int8_linear.apply(loop_of(nn.Conv2d(3, 3, 1), torch.randn(1, 3, 4, 4)).subject)


def test_bfloat16_is_what_products_are_computed_in(loop_of):
    loop = loop_of(SmallUNet(), *small_unet_inputs())
    before = loop.run()
    bfloat16_autocast.apply(loop.subject)
    after = loop.run()
    assert after[0].dtype == torch.bfloat16
    assert 1e-6 < relative_difference(before, [each.float() for each in after]) < 0.05
    with pytest.raises(DeclinedError, match="already"):
        bfloat16_autocast.apply(loop.subject)


def test_bfloat16_declines_where_the_loop_turns_autocast_off(loop_of):
    loop = loop_of(SmallUNet(), *small_unet_inputs())
    own = loop.run_once
    loop.run_once = torch.autocast("cpu", enabled=False)(own)
    with pytest.raises(DeclinedError, match="turns autocast off"):
        bfloat16_autocast.apply(loop.subject)
    assert not loop.subject.around_run
