import pytest
import torch

from sdprof.fixes.apply import apply_fixes
from sdprof.fixes.machinery.trial import relative_difference
from tests.fixes import attentions as styles
from tests.fixes.models import SmallUNet, small_unet_inputs


def test_without_the_extra_it_says_what_to_install(loop_of, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (result,) = apply_fixes(loop_of(SmallUNet(), *small_unet_inputs()).subject, ["openvino"])
    assert result.declined == "OpenVINO is not installed: pip install 'sdprof[openvino]'"


class WithOptions(torch.nn.Module):
    """Takes a number and an optional tensor, and answers by a dict."""

    def __init__(self):
        super().__init__()
        self.net = SmallUNet()

    def forward(self, x, t, context, *, strength=1.0, mask=None):
        out = self.net(x, t, context) * strength
        return {"sample": out if mask is None else out * mask, "mean": out.mean((1, 2, 3))}


@pytest.fixture
def converted(loop_of):
    pytest.importorskip("openvino")
    loop = loop_of(WithOptions(), *small_unet_inputs(), strength=0.5)
    before = loop.run()
    state = set(loop.module.state_dict())
    (result,) = apply_fixes(loop.subject, ["openvino"])
    assert result.declined == ""
    assert set(loop.module.state_dict()) == state
    return loop, before


def convolutions(run):
    with torch.profiler.profile() as profile:
        result = run()
    return sum(event.name == "aten::conv2d" for event in profile.events()), result


def test_calls_of_the_form_that_was_seen_run_in_openvino(converted):
    loop, before = converted
    count, after = convolutions(loop.run)
    assert count == 0
    assert relative_difference(before, after) < 1e-5
    assert set(after[0]) == {"sample", "mean"}
    kept = after[0]["sample"].clone()
    with torch.no_grad():
        loop.module(*small_unet_inputs(), strength=0.5)
    assert torch.equal(after[0]["sample"], kept)  # not overwritten by the next call


def test_calls_of_another_form_go_to_the_module(converted):
    module = converted[0].module
    x, t, context = small_unet_inputs()
    with torch.no_grad():
        calls = [
            lambda: module(x, t, context, strength=0.25),
            lambda: module(x[:1], t[:1], context[:1], strength=0.5),
            lambda: module(x, t, context, strength=0.5, mask=torch.zeros(8, 8)),
        ]
        for call in calls:
            count, _ = convolutions(call)
            assert count > 0
        assert calls[2]()["sample"].abs().max() == 0
    module(x, t, context, strength=0.5)["mean"].sum().backward()
    assert module.net.stem.weight.grad is not None


def test_after_fused_attention(loop_of):
    pytest.importorskip("openvino")
    loop = loop_of(styles.EinsumHeads(), torch.randn(2, 9, 32), torch.randn(2, 5, 24))
    before = loop.run()
    results = apply_fixes(loop.subject, ["openvino", "sdpa"])
    assert [(result.id, result.declined) for result in results] == [("sdpa", ""), ("openvino", "")]
    assert relative_difference(before, loop.run()) < 1e-5


class Checkpointed(torch.nn.Module):
    """Wraps its work for a backward pass that will not come."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(8, 8)

    def forward(self, x):
        return Wrapper.apply(lambda h: torch.tanh(self.layer(h)), x)


class Wrapper(torch.autograd.Function):
    @staticmethod
    def forward(ctx, run, x):
        with torch.no_grad():
            return run(x)

    @staticmethod
    def backward(ctx, gradient):
        return None, gradient


def test_checkpointing_is_traced_through(loop_of):
    pytest.importorskip("openvino")
    loop = loop_of(Checkpointed(), torch.randn(2, 8))
    before = loop.run()
    (result,) = apply_fixes(loop.subject, ["openvino"])
    assert result.declined == ""
    assert relative_difference(before, loop.run()) < 1e-5


def test_declines_in_reduced_precision_with_gradients_and_where_it_cannot_convert(loop_of):
    pytest.importorskip("openvino")
    inputs = small_unet_inputs()
    (result,) = apply_fixes(loop_of(SmallUNet(), *inputs, autocast=torch.bfloat16).subject, ["openvino"])
    assert "only fp32" in result.declined
    (result,) = apply_fixes(loop_of(SmallUNet(), *inputs, grad=True).subject, ["openvino"])
    assert "inference-mode" in result.declined

    class Stubborn(torch.nn.Module):
        def forward(self, x):
            return torch.from_numpy(x.numpy().copy()), "text"

    loop = loop_of(Stubborn(), torch.randn(2, 3))
    (result,) = apply_fixes(loop.subject, ["openvino"])
    assert "does not return tensors alone" in result.declined
    assert "forward" not in vars(loop.module)
