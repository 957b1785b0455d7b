"""The article's changes compute what was published, by the kernel that was asked for; the converters are exact."""

import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
import torch
import torch.nn.functional as F

from tests.targets.load_target import Build, load_build
from tests.targets.sd21_original.conftest import relative_difference


@pytest.fixture(scope="module")
def build() -> Iterator[Build]:
    build = load_build("sd21_optimized")
    import latent_diffusion.unet

    embedding = latent_diffusion.unet.timestep_embedding
    yield build
    latent_diffusion.unet.timestep_embedding = embedding
    torch.backends.mha.set_fastpath_enabled(True)


@pytest.mark.parametrize(
    ("attention", "form", "operator"),
    [
        ("math", "multihead", "aten::_scaled_dot_product_attention_math"),
        ("efficient", "multihead", "aten::_scaled_dot_product_flash_attention_for_cpu"),
        ("efficient", "sdpa", "aten::_scaled_dot_product_flash_attention_for_cpu"),
    ],
)
def test_the_latents_are_those_of_the_published_loop(
    build: Build, build_original: Build, attention: str, form: str, operator: str
) -> None:
    workload = build(batch_size=2, extra={"attention": attention, "form": form})
    assert workload.parameters["attention_kernel"] == operator
    wanted = build_original(batch_size=2).run()["latents"]
    assert relative_difference(workload.run()["latents"], wanted) < 1e-4


def test_the_kernel_is_fixed_while_it_runs(build: Build) -> None:
    workload = build(extra={"attention": "math"})
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        workload.run()
    kernels = {event.name for event in profile.events() if event.name.startswith("aten::_scaled_dot_product")}
    assert kernels == {"aten::_scaled_dot_product_attention_math"}


def test_another_kernel_than_the_one_asked_for_is_refused(build: Build) -> None:
    from optimized_diffusion.kernels import CPU_FLASH, MATH, Kernel, require_kernel

    q = torch.ones(1, 2, 8, 16)
    require_kernel(MATH, lambda: F.scaled_dot_product_attention(q, q, q))
    with pytest.raises(RuntimeError, match="what ran is aten::_scaled_dot_product_attention_math"):
        require_kernel(Kernel(MATH.backend, CPU_FLASH.operator), lambda: F.scaled_dot_product_attention(q, q, q))
    with pytest.raises(RuntimeError, match="what ran is none"):
        require_kernel(MATH, lambda: q.softmax(-1))


@pytest.mark.parametrize("context_width", [32, 48])
def test_the_conversion_and_its_inverse_are_exact(build: Build, context_width: int) -> None:
    from latent_diffusion.attention import CrossAttention
    from optimized_diffusion.multihead import published_tensors, to_multihead

    torch.manual_seed(0)
    published = CrossAttention(32, context_width, heads=4, head_channels=8).eval()
    converted = to_multihead(published)
    back = published_tensors(converted.attention.state_dict())
    assert back.keys() == published.state_dict().keys()
    for name, tensor in published.state_dict().items():
        assert torch.equal(back[name], tensor)
    tokens, context = torch.randn(2, 9, 32), torch.randn(2, 5, context_width)
    with torch.no_grad():
        torch.testing.assert_close(converted(tokens, context), published(tokens, context))


def test_what_cannot_be_converted_is_refused(build: Build) -> None:
    from latent_diffusion.attention import CrossAttention
    from optimized_diffusion.multihead import multihead_tensors, published_tensors, to_multihead

    with pytest.raises(ValueError, match="as wide as its tokens"):
        to_multihead(CrossAttention(32, 32, heads=2, head_channels=8))
    converted = multihead_tensors(CrossAttention(32, 32, heads=4, head_channels=8).state_dict())
    with pytest.raises(ValueError, match="a bias that is not zero"):
        published_tensors({**converted, "in_proj_bias": torch.ones(96)})


def test_without_xformers_it_is_refused(build_original: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xformers.ops", None)
    with pytest.raises(ValueError, match="xFormers is not installed"):
        build_original(extra={"xformers": "1"})


def test_xformers_is_called_for_every_attention(build_original: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = []

    def attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        shapes.append(tuple(query.shape))
        return (query @ key.transpose(1, 2) * query.shape[-1] ** -0.5).softmax(-1) @ value

    xformers, operators = ModuleType("xformers"), ModuleType("xformers.ops")
    operators.memory_efficient_attention = attention  # xFormers' own signature: (B, N, D) three times
    monkeypatch.setitem(sys.modules, "xformers", xformers)
    monkeypatch.setitem(sys.modules, "xformers.ops", operators)
    workload = build_original(extra={"xformers": "1", "decode": "1"})
    shapes.clear()
    found, wanted = workload.run(), build_original(extra={"decode": "1"}).run()
    for name in ("latents", "images"):
        assert relative_difference(found[name], wanted[name]) < 1e-4
    unet = workload.hot_modules["unet"]
    attentions = sum(type(module).__name__ == "XformersCrossAttention" for module in unet.modules())
    assert len(shapes) == 5 * attentions + 1  # PLMS calls the UNet once more than it has steps; then it is decoded
    assert shapes[-1] == (1, 256, 64)  # the autoencoder's middle block: one head over all pixels


def test_xformers_without_a_kernel_for_the_device_is_refused(
    build_original: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    def attention(*_operands: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError("No operator found for `memory_efficient_attention_forward` with inputs:\n query…")

    operators = ModuleType("xformers.ops")
    operators.memory_efficient_attention = attention
    monkeypatch.setitem(sys.modules, "xformers", ModuleType("xformers"))
    monkeypatch.setitem(sys.modules, "xformers.ops", operators)
    with pytest.raises(ValueError, match=r"no attention kernel for cpu here \(No operator found"):
        build_original(extra={"xformers": "1"})


def test_the_formula_of_the_whole_step_is_the_published_one(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda function, **_options: function)
    extra = {"form": "sdpa"}
    found = build(steps=5, batch_size=2, extra={**extra, "compile": "sampler"}).run()["latents"]
    assert relative_difference(found, build(steps=5, batch_size=2, extra=extra).run()["latents"]) < 1e-5


@pytest.mark.slow
def test_the_whole_step_compiles_to_two_graphs_and_no_more(build: Build) -> None:
    from torch._dynamo.utils import counters

    torch._dynamo.reset()
    counters.clear()
    extra = {"form": "sdpa"}
    workload = build(steps=10, extra={**extra, "compile": "sampler"})
    found = workload.run()["latents"]
    assert counters["stats"]["unique_graphs"] == 2
    assert not counters["graph_break"]
    assert relative_difference(found, build(steps=10, extra=extra).run()["latents"]) < 1e-4
    torch._dynamo.reset()
