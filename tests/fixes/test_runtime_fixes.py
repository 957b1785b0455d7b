import pytest
import torch

from sdprof.fixes.apply import apply_fixes
from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.inference_mode import apply as apply_inference_mode
from tests.fixes.models import SmallUNet, small_unet_inputs


def weight_casts(loop, steps):
    """Copies of whole weights into another type in one run of a loop, by step."""
    shapes = {tuple(parameter.shape) for parameter in loop.module.parameters() if parameter.dim() > 1}
    with torch.profiler.profile(record_shapes=True) as profile:
        loop.run()
    casts = [event for event in profile.events() if event.name == "aten::_to_copy"]
    return sum(tuple(event.input_shapes[0]) in shapes for event in casts) / steps


def equal(one, two):
    return all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def test_inference_mode_is_exact_and_freezes_the_parameters(loop_of):
    loop = loop_of(SmallUNet(), *small_unet_inputs(), grad=True)
    before = loop.run()
    assert before[0].requires_grad
    did = apply_inference_mode(loop.subject)
    after = loop.run()
    assert equal(before, after)
    assert after[0].is_inference()
    assert not any(parameter.requires_grad for parameter in loop.module.parameters())
    assert "frozen" in did[1]


def test_inference_mode_and_frozen_weights_cost_casts_under_autocast(loop_of):
    """What the fix rests on: PyTorch caches the casts of weights that require grad, outside inference mode only."""
    loop = loop_of(SmallUNet(), *small_unet_inputs(), autocast=torch.bfloat16, steps=4)
    cached = weight_casts(loop, 4)
    loop.subject.around_run.append(torch.inference_mode)
    assert weight_casts(loop, 4) == 4 * cached > 0
    loop.subject.around_run.clear()
    loop.module.requires_grad_(False)
    assert weight_casts(loop, 4) == 4 * cached


def test_under_autocast_gradients_are_turned_off_and_no_cast_is_added(loop_of):
    loop = loop_of(SmallUNet(), *small_unet_inputs(), autocast=torch.bfloat16, steps=4, grad=True)
    before, casts_before = loop.run(), weight_casts(loop, 4)
    assert "no_grad" in apply_inference_mode(loop.subject)[0]
    after = loop.run()
    assert equal(before, after)
    assert not after[0].requires_grad
    assert weight_casts(loop, 4) == casts_before


@pytest.mark.parametrize("with_trial", [True, False])
def test_declines_under_autocast_where_nothing_is_left_to_turn_off(loop_of, with_trial):
    loop = loop_of(SmallUNet(), *small_unet_inputs(), autocast=torch.bfloat16, with_trial=with_trial)
    with pytest.raises(DeclinedError, match="half-weights"):
        apply_inference_mode(loop.subject)
    assert not loop.subject.around_run
    assert loop.module.stem.weight.requires_grad


def test_half_weights_give_the_same_bits_and_no_cast(loop_of):
    model = SmallUNet()
    loop = loop_of(model, *small_unet_inputs(), autocast=torch.bfloat16, steps=3)
    before = loop.run()
    (result,) = apply_fixes(loop.subject, ["half-weights"])
    assert result.declined == ""
    assert model.stem.weight.dtype == torch.bfloat16
    assert model.blocks[0].norm.weight.dtype == torch.float32
    assert equal(before, loop.run())
    assert weight_casts(loop, 3) == 0


def test_half_weights_together_with_inference_mode_freeze_without_casts(loop_of):
    loop = loop_of(SmallUNet(), *small_unet_inputs(), autocast=torch.bfloat16, steps=3)
    before = loop.run()
    results = apply_fixes(loop.subject, ["half-weights", "inference-mode"])
    assert not any(result.declined for result in results)
    assert equal(before, loop.run())
    assert weight_casts(loop, 3) == 0


class Fp32Island(torch.nn.Module):
    """One layer that computes in fp32 within autocast, one whose weight is tied to an embedding."""

    def __init__(self):
        super().__init__()
        self.inside = torch.nn.Linear(8, 8)
        self.outside = torch.nn.Linear(8, 8)
        self.words = torch.nn.Embedding(11, 8)
        self.read_out = torch.nn.Linear(8, 11, bias=False)
        self.read_out.weight = self.words.weight

    def forward(self, tokens):
        h = self.outside(self.words(tokens))
        with torch.autocast("cpu", enabled=False):
            h = self.inside(h.float())
        return self.read_out(h)


def test_half_weights_leave_fp32_islands_and_tied_weights_alone(loop_of):
    model = Fp32Island()
    loop = loop_of(model, torch.tensor([[1, 2, 3]]), autocast=torch.bfloat16)
    before = loop.run()
    (result,) = apply_fixes(loop.subject, ["half-weights"])
    assert result.declined == ""
    assert model.inside.weight.dtype == model.words.weight.dtype == torch.float32
    assert model.outside.weight.dtype == torch.bfloat16
    assert equal(before, loop.run())


class ReadsWeightType(torch.nn.Module):
    """Casts its input to the type of its weights, as some code does to follow ``model.half()``."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(8, 8)

    def forward(self, x):
        return self.layer(x) + (x / 3).to(self.layer.weight.dtype)


def test_half_weights_decline_where_the_bits_change_and_change_nothing(loop_of):
    loop = loop_of(ReadsWeightType(), torch.randn(2, 8), autocast=torch.bfloat16)
    before = loop.run()
    (result,) = apply_fixes(loop.subject, ["half-weights"])
    assert "reads the type of its weights" in result.declined
    assert loop.module.layer.weight.dtype == torch.float32
    assert equal(before, loop.run())


def test_half_weights_decline_without_autocast(loop_of):
    (result,) = apply_fixes(loop_of(SmallUNet(), *small_unet_inputs()).subject, ["half-weights"])
    assert "autocast" in result.declined


def test_channels_last_converts_inside_and_hands_out_contiguous_tensors(loop_of):
    model = SmallUNet()
    loop = loop_of(model, *small_unet_inputs())
    before = loop.run()
    seen = []
    model.blocks[1].register_forward_hook(
        lambda _m, _a, out: seen.append(out.is_contiguous(memory_format=torch.channels_last))
    )
    apply_fixes(loop.subject, ["channels-last"])
    after = loop.run()
    assert seen == [True] * 3
    assert all(tensor.is_contiguous() for tensor in after)
    assert all(torch.allclose(a, b, rtol=1e-5, atol=1e-6) for a, b in zip(before, after, strict=True))


def test_channels_last_declines_without_convolutions(loop_of):
    (result,) = apply_fixes(loop_of(torch.nn.Linear(3, 3), torch.randn(1, 3)).subject, ["channels-last"])
    assert result.declined == "No hot module has 2-D convolutions"


@pytest.mark.parametrize("fix", ["tf32", "cudnn-benchmark", "compile-cudagraphs", "sdpa-efficient"])
def test_fixes_for_cuda_decline_on_the_cpu(loop_of, fix):
    precision, benchmark = torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark
    (result,) = apply_fixes(loop_of(SmallUNet(), *small_unet_inputs()).subject, [fix])
    assert result.declined == f"{fix} acts on cuda only, and this runs on cpu"
    assert (precision, benchmark) == (torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark)
