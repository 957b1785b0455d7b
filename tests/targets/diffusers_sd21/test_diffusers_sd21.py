"""diffusers' pipelines compute what the published code computes, on the same weights, and refuse what they cannot."""

import pytest
import torch

from tests.targets.load_target import Build
from tests.targets.sd21_original.conftest import relative_difference


@pytest.mark.parametrize(
    ("theirs", "published", "parameterization"),
    [("pndm", "plms", "eps"), ("ddim", "ddim", "eps"), ("ddim", "ddim", "v")],
)
def test_the_latents_and_images_are_those_of_the_published_loop(
    build: Build, build_original: Build, theirs: str, published: str, parameterization: str
) -> None:
    same = {"decode": "1", "parameterization": parameterization}
    found = build(steps=5, batch_size=2, extra={"sampler": theirs, **same}).run()
    wanted = build_original(steps=5, batch_size=2, extra={"sampler": published, **same}).run()
    for name in ("latents", "images"):
        assert relative_difference(found[name], wanted[name]) < 1e-5


def test_plain_attention_is_a_softmax_and_computes_the_same(build: Build) -> None:
    found = {}
    for attention in ("fused", "plain"):
        workload = build(extra={"attention": attention})
        with torch.profiler.profile() as profile:
            found[attention] = workload.run()["latents"]
        ran = {event.name for event in profile.events()}
        assert ("aten::scaled_dot_product_attention" in ran) == (attention == "fused")
        assert ("aten::baddbmm" in ran) == (attention == "plain")
    assert relative_difference(found["plain"], found["fused"]) < 1e-5


def test_euler_takes_the_way_of_ddim(build: Build) -> None:
    # Euler's method in x / alpha over sigma / alpha is DDIM: the UNet sees the same latents at the same timesteps.
    ways = []
    for sampler in ("euler", "ddim"):
        workload = build(extra={"sampler": sampler})
        seen: list[tuple[torch.Tensor, float]] = []
        workload.hot_modules["unet"].register_forward_pre_hook(
            lambda _module, args, seen=seen: seen.append((args[0].clone(), float(args[1])))
        )
        workload.run()
        ways.append(seen)
    for (found, at), (wanted, then) in zip(*ways, strict=True):
        assert at == then
        assert relative_difference(found, wanted) < 1e-4


@pytest.mark.parametrize(
    ("task", "sampler", "calls"),
    [
        ("text-to-image", "pndm", 5),
        ("text-to-image", "euler", 4),
        ("text-to-image", "dpm-solver", 4),
        ("text-to-image", "dpm-solver++", 4),
        ("image-to-image", "ddim", 3),
        ("inpainting", "ddim", 4),
    ],
)
def test_how_often_and_with_what_the_unet_is_called(build: Build, task: str, sampler: str, calls: int) -> None:
    workload = build(batch_size=2, extra={"task": task, "sampler": sampler})
    shapes = []
    workload.hot_modules["unet"].register_forward_pre_hook(lambda _module, args: shapes.append(tuple(args[0].shape)))
    first = workload.run()["latents"]
    assert shapes == [(4, 9 if task == "inpainting" else 4, 16, 16)] * calls
    assert first.shape == (2, 4, 16, 16)
    assert torch.isfinite(first).all()
    assert torch.equal(first, workload.run()["latents"])


def test_the_picture_matters(build: Build) -> None:
    extra = {"task": "image-to-image", "sampler": "ddim", "decode": "1"}
    little = build(extra={**extra, "strength": "0.3"}).run()
    much = build(extra={**extra, "strength": "1"}).run()
    assert little["images"].shape == (1, 3, 128, 128)
    assert not torch.allclose(little["latents"], much["latents"])


def test_half_precision_keeps_its_weights_in_it(build: Build) -> None:
    workload = build(dtype="bfloat16")
    assert {parameter.dtype for parameter in workload.hot_modules["unet"].parameters()} == {torch.bfloat16}
    assert torch.isfinite(workload.run()["latents"]).all()


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"sampler": "plms"}, "sampler=plms is none of pndm, ddim"),
        ({"task": "upscaling"}, "task=upscaling is none of text-to-image"),
        ({"strength": "0"}, "strength=0 is not above 0"),
        ({"strength": "much"}, "strength=much is not a number"),
        ({"n_iter": "2"}, "no setting 'n_iter'"),
    ],
)
def test_what_cannot_work_is_refused(build: Build, extra: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build(extra=extra)
