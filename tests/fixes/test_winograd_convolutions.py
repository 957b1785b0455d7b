import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from sdprof.fixes.apply import apply_fixes
from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.machinery.trial import relative_difference
from sdprof.fixes.machinery.winograd import FOUR, TWO, algorithm_for, winograd
from sdprof.fixes.winograd_convolutions import apply


def wide(channels=256, **options):
    return torch.nn.Conv2d(channels, channels, 3, padding=1, **options)


@given(
    algorithm=st.sampled_from([TWO, FOUR]),
    images=st.integers(1, 3),
    rows=st.integers(1, 4),
    columns=st.integers(1, 4),
    channels=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    bias=st.booleans(),
    channels_last=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_equals_the_direct_convolution_up_to_rounding(
    algorithm, images, rows, columns, channels, bias, channels_last, seed
):
    torch.manual_seed(seed)
    module = torch.nn.Conv2d(*channels, 3, padding=1, bias=bias)
    x = torch.randn(images, channels[0], rows * algorithm.output, columns * algorithm.output)
    if channels_last:
        x = x.to(memory_format=torch.channels_last)
    with torch.no_grad():
        exact = F.conv2d(
            x.double(), module.weight.double(), None if module.bias is None else module.bias.double(), padding=1
        )
        assert relative_difference(exact.float(), winograd(module, algorithm, x.shape).forward(x)) < 1e-5


def test_tiles_are_taken_where_there_are_enough_and_they_fit():
    assert algorithm_for(wide(), torch.Size([2, 256, 16, 16])) is FOUR
    assert algorithm_for(wide(), torch.Size([2, 256, 8, 8])) is TWO
    assert algorithm_for(wide(), torch.Size([2, 256, 4, 4])) is None
    assert algorithm_for(wide(), torch.Size([2, 256, 18, 18])) is TWO
    assert algorithm_for(wide(), torch.Size([2, 256, 17, 17])) is None
    assert algorithm_for(wide(128), torch.Size([2, 128, 16, 16])) is None


@pytest.mark.parametrize("options", [{"stride": 2}, {"groups": 2}, {"dilation": 1, "padding_mode": "circular"}])
def test_other_convolutions_are_left_alone(options):
    assert algorithm_for(wide(**options), torch.Size([2, 256, 16, 16])) is None
    assert algorithm_for(torch.nn.Conv2d(256, 256, 1), torch.Size([2, 256, 16, 16])) is None


def test_a_loop_is_changed_and_gives_the_same_up_to_rounding(loop_of):
    model = torch.nn.Sequential(wide(), torch.nn.SiLU(), wide(bias=False), torch.nn.Conv2d(256, 4, 3, padding=1))
    loop = loop_of(model, torch.randn(2, 256, 16, 16), steps=2)
    before = loop.run()
    applied = apply_fixes(loop.subject, ["winograd-convolutions", "prepacked-weights"])
    assert "2 convolutions" in applied[0].did[0]
    assert "1 convolutions" in applied[1].did[0]
    assert relative_difference(before, loop.run()) < 1e-5


def test_other_sizes_and_changed_weights_go_the_ordinary_way(loop_of):
    model = wide()
    loop = loop_of(model, torch.randn(2, 256, 16, 16))
    odd = torch.randn(1, 256, 5, 7)
    with torch.no_grad():
        before = model(odd)
        apply(loop.subject)
        assert torch.equal(before, model(odd))
        model.weight.mul_(2)
    changed = loop.run()
    del model.__dict__["forward"]
    assert all(torch.equal(a, b) for a, b in zip(loop.run(), changed, strict=True))


def test_declines_what_it_cannot_speed_up(loop_of):
    x = torch.randn(2, 256, 16, 16)
    with pytest.raises(DeclinedError, match="no 3 × 3 convolution"):
        apply(loop_of(wide(), torch.randn(1, 256, 4, 4)).subject)
    with pytest.raises(DeclinedError, match="autocast"):
        apply(loop_of(wide(), x, autocast=torch.bfloat16).subject)
    with pytest.raises(DeclinedError, match="inference-mode"):
        apply(loop_of(wide(), x, grad=True).subject)
