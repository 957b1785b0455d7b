"""The workload as sdprof gets it: sizes, defaults, refusals, and the habits of the published loop."""

import collections

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import sdprof


def build(**options: object) -> sdprof.Workload:
    import target

    return target.build(sdprof.BuildOptions(**{"size": "tiny", "steps": 4, "seed": 3, **options}))


class OperatorCount(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: collections.Counter[str] = collections.Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.calls[func.overloadpacket._qualified_op_name] += 1
        return func(*args, **(kwargs or {}))


def test_a_run_is_reproducible_finite_and_not_zero() -> None:
    workload = build()
    first, second = workload.run()["latents"], workload.run()["latents"]
    assert first.shape == (1, 4, 16, 16)
    assert torch.equal(first, second)
    assert torch.isfinite(first).all()
    assert first.abs().max() > 0.01


def test_the_seed_and_the_prompt_matter() -> None:
    latents = build().run()["latents"]
    assert not torch.equal(latents, build(seed=4).run()["latents"])
    assert not torch.equal(latents, build(extra={"prompt": "A horse"}).run()["latents"])


@pytest.mark.parametrize(("sampler", "extra_calls"), [("plms", 1), ("ddim", 0)])
def test_the_model_is_called_once_a_step(sampler: str, extra_calls: int) -> None:
    workload = build(steps=5, extra={"sampler": sampler})
    calls = []
    workload.hot_modules["unet"].register_forward_pre_hook(lambda _module, args: calls.append(args[0].shape))
    workload.run()
    assert calls == [(2, 4, 16, 16)] * (5 + extra_calls)


def test_the_published_habits_are_there() -> None:
    steps = 4
    workload = build(steps=steps)
    calls = steps + 1
    attentions = sum(type(module).__name__ == "CrossAttention" for module in workload.hot_modules["unet"].modules())
    checkpoints = []
    from latent_diffusion.checkpointing import RecomputedInBackward

    forward = RecomputedInBackward.forward
    RecomputedInBackward.forward = staticmethod(lambda *args: (checkpoints.append(1), forward(*args))[1])
    try:
        with OperatorCount() as count:
            workload.run()
    finally:
        RecomputedInBackward.forward = forward
    assert count.calls["aten::_softmax"] == attentions * calls
    assert count.calls["aten::full"] == 4 * calls + 2 * steps
    assert count.calls["aten::randn"] == calls + 1
    res_blocks = sum(type(module).__name__ == "ResBlock" for module in workload.hot_modules["unet"].modules())
    assert len(checkpoints) == (res_blocks + attentions // 2) * calls


def test_the_whole_script_makes_images() -> None:
    images = build(extra={"run": "script", "n_iter": "2"}, batch_size=2).run()["images"]
    assert [image.shape for image in images] == [(128, 128, 3)] * 4
    assert not (images[0] == images[1]).all()


def test_small_has_the_full_topology() -> None:
    from latent_diffusion.diffusion import LatentDiffusion
    from latent_diffusion.sizes import SIZES

    with torch.device("meta"):
        small, full = (LatentDiffusion(SIZES[name], use_fp16=False) for name in ("small", "full"))
    kinds = [[(name, type(module).__name__) for name, module in model.named_modules()] for model in (small, full)]
    assert kinds[0] == kinds[1]


def test_defaults_depend_on_size_and_device() -> None:
    import target

    def defaults(**options: object) -> tuple[object, ...]:
        resolved = target.resolve(sdprof.BuildOptions(**options))
        return resolved.size, resolved.steps, resolved.height, resolved.dtype

    assert defaults() == ("small", 8, 256, "float32")
    assert defaults(device="cuda") == ("full", 50, 512, "float16")
    assert defaults(size="full") == ("full", 4, 256, "float32")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": "huge"}, "no size 'huge'"),
        ({"height": 100}, "height must be a multiple of 16"),
        ({"dtype": "int8"}, "no dtype 'int8'"),
        ({"steps": 1001}, "from 1 to 1000"),
        ({"extra": {"sampler": "euler"}}, "none of plms, ddim"),
        ({"extra": {"colour": "red"}}, "no setting 'colour'"),
        ({"extra": {"parameterization": "v"}}, "PLMS needs a model that predicts noise"),
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build(**options)


def test_ddim_takes_a_v_model() -> None:
    latents = build(extra={"parameterization": "v", "sampler": "ddim"}).run()["latents"]
    assert torch.isfinite(latents).all()
