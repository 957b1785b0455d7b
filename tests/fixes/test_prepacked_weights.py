import pytest
import torch

from sdprof.fixes.apply import apply_fixes
from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.machinery.trial import relative_difference
from sdprof.fixes.prepacked_weights import apply
from tests.fixes.models import SmallUNet, small_unet_inputs


def operators_of(run):
    from torch.utils._python_dispatch import TorchDispatchMode

    class Recorder(TorchDispatchMode):
        def __init__(self):
            super().__init__()
            self.names = []

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            self.names.append(func.overloadpacket._qualified_op_name)
            return func(*args, **(kwargs or {}))

    with Recorder() as recorder:
        run()
    return recorder.names


def test_packed_weights_run_and_give_the_same_up_to_rounding(loop_of):
    loop = loop_of(SmallUNet(), *small_unet_inputs(), steps=2)
    before = loop.run()
    state = {name: value.clone() for name, value in loop.module.state_dict().items()}
    did = apply(loop.subject)
    after = loop.run()
    assert relative_difference(before, after) < 1e-5
    assert "9 convolutions and 4 linear layers" in did[0]
    names = operators_of(loop.run)
    assert names.count("mkldnn::_convolution_pointwise") == 2 * 9
    assert names.count("mkldnn::_linear_pointwise") == 2 * 4
    assert {name: value.shape for name, value in loop.module.state_dict().items()} == {
        n: v.shape for n, v in state.items()
    }


def test_other_shapes_still_work(loop_of):
    model = SmallUNet()
    x, t, context = small_unet_inputs()
    loop = loop_of(model, x, t, context)
    with torch.no_grad():
        before = model(torch.ones(1, 3, 12, 6), t[:1], context[:1, :2])
        apply(loop.subject)
        assert relative_difference(before, model(torch.ones(1, 3, 12, 6), t[:1], context[:1, :2])) < 1e-5


def test_weights_written_to_after_packing_are_not_ignored(loop_of):
    loop = loop_of(SmallUNet(), *small_unet_inputs())
    apply(loop.subject)
    with torch.no_grad():
        loop.module.head.weight.mul_(2)
        loop.module.head.bias.zero_()
    packed = loop.run()
    for module in loop.module.modules():
        module.__dict__.pop("forward", None)
    assert relative_difference(loop.run(), packed) < 1e-5


def test_gradients_go_the_ordinary_way(loop_of):
    loop = loop_of(SmallUNet(), *small_unet_inputs())
    apply(loop.subject)
    loop.module(*small_unet_inputs()).sum().backward()
    assert loop.module.stem.weight.grad is not None


def test_dilation_groups_and_a_two_dimensional_linear(loop_of):
    model = torch.nn.Sequential(
        torch.nn.Conv2d(4, 8, 3, stride=2, padding=2, dilation=2, groups=2),
        torch.nn.Conv2d(8, 6, (1, 3), padding="same"),
        torch.nn.Flatten(),
        torch.nn.Linear(6 * 16, 5),
    )
    loop = loop_of(model, torch.randn(2, 4, 8, 8))
    before = loop.run()
    did = apply(loop.subject)
    assert "1 convolutions and 1 linear layers" in did[0]  # padding given by name is left alone
    assert relative_difference(before, loop.run()) < 1e-5


def test_declines_under_autocast_with_gradients_and_without_layers(loop_of):
    inputs = small_unet_inputs()
    with pytest.raises(DeclinedError, match="autocast"):
        apply(loop_of(SmallUNet(), *inputs, autocast=torch.bfloat16).subject)
    with pytest.raises(DeclinedError, match="inference-mode"):
        apply(loop_of(SmallUNet(), *inputs, grad=True).subject)
    with pytest.raises(DeclinedError, match="no fp32 Conv2d or Linear"):
        apply(loop_of(torch.nn.LayerNorm(4), torch.randn(2, 4)).subject)
    with pytest.raises(DeclinedError, match="No trial run"):
        apply(loop_of(SmallUNet(), *inputs, with_trial=False).subject)


def test_inference_mode_makes_room_for_it(loop_of):
    loop = loop_of(SmallUNet(), *small_unet_inputs(), grad=True)
    before = loop.run()
    applied = apply_fixes(loop.subject, ["prepacked-weights", "inference-mode"])
    assert [(fix.id, fix.declined) for fix in applied] == [("inference-mode", ""), ("prepacked-weights", "")]
    assert relative_difference(before, loop.run()) < 1e-5
