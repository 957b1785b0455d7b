import pytest
import torch
from torch import nn

from sdprof.fixes.apply import apply_fixes
from sdprof.fixes.machinery.trial import relative_difference
from tests.fixes import attentions as styles


class Net(nn.Module):
    """One attention module inside another, beside a layer that has nothing to do with it."""

    def __init__(self, attention):
        super().__init__()
        self.attention = attention

    def forward(self, *args, **kwargs):
        return self.attention(*args, **kwargs)


def mask_of(*shape):
    mask = torch.rand(*shape) > 0.4
    mask[..., 0] = True
    return mask


STYLES = {
    "einsum self": (lambda: styles.EinsumHeads(context=32), lambda: (torch.randn(2, 9, 32),)),
    "einsum cross": (styles.EinsumHeads, lambda: (torch.randn(2, 9, 32), torch.randn(2, 5, 24))),
    "einsum mask": (styles.EinsumHeads, lambda: (torch.randn(2, 9, 32), torch.randn(2, 5, 24), mask_of(2, 5))),
    "pixels": (styles.PixelAttention, lambda: (torch.randn(2, 16, 5, 6),)),
    "fused qkv": (styles.FusedQkv, lambda: (torch.randn(2, 11, 32),)),
    "channels first": (styles.ChannelsFirst, lambda: (torch.randn(4, 24, 10),)),
    "multi-query": (styles.MultiQuery, lambda: (torch.randn(2, 10, 24),)),
    "baddbmm": (styles.BaddbmmWithMask, lambda: (torch.randn(2, 7, 16), torch.randn(2, 7, 7))),
    "softmax over rows": (styles.SoftmaxOverRows, lambda: (torch.randn(2, 7, 16),)),
    "sliced": (styles.SlicedOverHeads, lambda: (torch.randn(4, 6, 8),)),
}


def kernels_of(run):
    with torch.profiler.profile() as profile:
        run()
    return [event.name for event in profile.events()]


@pytest.mark.parametrize("fix", ["sdpa", "sdpa-flash", "sdpa-math"])
@pytest.mark.parametrize("style", STYLES)
def test_every_style_is_fused_and_differs_by_rounding_only(loop_of, style, fix):
    make, inputs = STYLES[style]
    loop = loop_of(Net(make()), *inputs(), steps=2)
    names = set(loop.module.state_dict())
    before = loop.run()
    (result,) = apply_fixes(loop.subject, [fix])
    assert result.declined == ""
    assert relative_difference(before, loop.run()) < 2e-6
    assert set(loop.module.state_dict()) == names
    ran = kernels_of(loop.run)
    if fix == "sdpa-math":
        assert "aten::_scaled_dot_product_attention_math" in ran
        assert "math" in result.did[0]
    else:
        assert "aten::_scaled_dot_product_flash_attention_for_cpu" in ran
        assert "flash_attention_for_cpu" in result.did[0]
        assert not {"aten::bmm", "aten::softmax"} & set(ran)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_under_autocast_the_result_keeps_its_type(loop_of, style, dtype):
    make, inputs = STYLES[style]
    loop = loop_of(Net(make()), *inputs(), autocast=dtype, steps=1)
    before = loop.run()
    (result,) = apply_fixes(loop.subject, ["sdpa"])
    assert result.declined == ""
    assert relative_difference(before, loop.run()) < {torch.float16: 1e-2, torch.bfloat16: 4e-2}[dtype]


@pytest.mark.parametrize(
    ("style", "because"),
    [
        (styles.ReturnsWeights, "uses its attention probabilities for more"),
        (styles.Renormalises, "uses its attention probabilities for more"),
        (styles.StableSoftmax, "not between a product"),
    ],
)
def test_what_no_kernel_can_do_is_left_alone(loop_of, style, because):
    loop = loop_of(Net(style()), torch.randn(2, 5, 8))
    (result,) = apply_fixes(loop.subject, ["sdpa"])
    assert because in result.declined
    assert not [name for name, module in loop.module.named_modules() if "forward" in module.__dict__]


def test_another_softmax_is_not_attention(loop_of):
    (result,) = apply_fixes(loop_of(Net(styles.Classifier()), torch.randn(2, 8)).subject, ["sdpa"])
    assert "not between a product" in result.declined
    (result,) = apply_fixes(loop_of(nn.Linear(2, 2), torch.randn(2, 2)).subject, ["sdpa"])
    assert "no naive attention" in result.declined


def test_a_class_is_replaced_or_left_as_a_whole(loop_of):
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two, self.three = styles.FusedQkv(), styles.ReturnsWeights(), styles.FusedQkv()

        def forward(self, x):
            out, weights = self.two(self.one(x))
            return self.three(out) + weights.sum()

    loop = loop_of(Both(), torch.randn(2, 5, 32))
    before = loop.run()
    (result,) = apply_fixes(loop.subject, ["sdpa"])
    assert result.did[0].startswith("2 modules of class FusedQkv")
    assert result.did[1].startswith("ReturnsWeights was left as it is")
    assert relative_difference(before, loop.run()) < 2e-6


def test_other_inputs_than_the_tried_one(loop_of):
    attention = styles.EinsumHeads()
    loop = loop_of(Net(attention), torch.randn(2, 9, 32), torch.randn(2, 5, 24))
    others = [
        (torch.randn(1, 3, 32), torch.randn(1, 7, 24)),
        (torch.randn(2, 9, 32), torch.randn(2, 5, 24), mask_of(2, 5)),
    ]
    everything_hidden = (torch.randn(2, 9, 32), torch.randn(2, 5, 24), torch.zeros(2, 5, dtype=torch.bool))
    with torch.no_grad():
        before = [attention(*inputs) for inputs in (*others, everything_hidden)]
        apply_fixes(loop.subject, ["sdpa"])
        after = [attention(*inputs) for inputs in (*others, everything_hidden)]
    assert relative_difference(before, after) < 2e-6


def test_gradients_and_dropout_in_training(loop_of):
    attention = styles.EinsumHeads(context=32)
    loop = loop_of(Net(attention), torch.randn(2, 9, 32))
    x = torch.randn(2, 9, 32)
    attention(x).square().sum().backward()
    before = attention.to_k.weight.grad.clone()
    attention.zero_grad()
    apply_fixes(loop.subject, ["sdpa"])
    attention(x).square().sum().backward()
    assert torch.allclose(before, attention.to_k.weight.grad, rtol=1e-4, atol=1e-5)


def test_compiled_code_holds_the_fused_operator_in_one_graph(loop_of):
    graphs = []

    def keep(graph, _inputs):
        graphs.append(graph)
        return graph

    for style in ("einsum mask", "pixels", "fused qkv", "multi-query"):
        make, inputs = STYLES[style]
        loop = loop_of(Net(make()), *inputs(), steps=1)
        before = loop.run()
        apply_fixes(loop.subject, ["sdpa"])
        graphs.clear()
        torch._dynamo.reset()
        loop.module.compile(backend=keep, fullgraph=True)
        assert relative_difference(before, loop.run()) < 2e-6
        assert len(graphs) == 1
        targets = [str(node.target) for node in graphs[0].graph.nodes]
        assert any("scaled_dot_product_attention" in target for target in targets), targets
        assert not any("softmax" in target for target in targets)


def test_the_attention_of_diffusers_when_it_is_written_out(loop_of):
    diffusers = pytest.importorskip("diffusers")
    from diffusers.models.attention_processor import AttnProcessor

    unet = diffusers.UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(32, 64),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=16,
        attention_head_dim=(2, 4),
        norm_num_groups=8,
    )
    unet.set_attn_processor(AttnProcessor())
    loop = loop_of(unet, torch.randn(2, 4, 8, 8), torch.tensor(3), torch.randn(2, 7, 16), return_dict=False)
    before = loop.run()
    (result,) = apply_fixes(loop.subject, ["sdpa"])
    assert "modules of class Attention" in result.did[0]
    assert relative_difference(before, loop.run()) < 2e-6
    assert "aten::bmm" not in kernels_of(loop.run)


def test_pytorchs_own_attention_is_left_to_pytorch(loop_of):
    class Uses(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(16, 2, batch_first=True)

        def forward(self, x):
            return x + self.attention(x, x, x)[0]

    loop = loop_of(Uses(), torch.randn(2, 5, 16))
    (result,) = apply_fixes(loop.subject, ["sdpa"])
    assert "no naive attention" in result.declined
