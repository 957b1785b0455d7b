"""The workload as sdprof gets it: sizes, defaults, and refusals."""

import pytest
import torch

import sdprof


def build(**options: object) -> sdprof.Workload:
    import target

    return target.build(sdprof.BuildOptions(**{"size": "tiny", "steps": 4, "seed": 3, **options}))


@pytest.fixture(scope="module")
def workload() -> sdprof.Workload:
    return build()


def test_a_run_is_reproducible_finite_and_not_zero(workload: sdprof.Workload) -> None:
    first, second = workload.run()["latents"], workload.run()["latents"]
    assert first.shape == (1, 4, 16, 16)
    assert torch.equal(first, second)
    assert torch.isfinite(first).all()
    assert first.abs().max() > 0.01


def test_the_seed_and_the_prompt_matter(workload: sdprof.Workload) -> None:
    latents = workload.run()["latents"]
    assert not torch.equal(latents, build(seed=4).run()["latents"])
    assert not torch.equal(latents, build(extra={"prompt": "A horse"}).run()["latents"])


def test_what_the_report_is_told(workload: sdprof.Workload) -> None:
    settings = workload.settings
    assert (settings.size, settings.steps, settings.batch_size, settings.dtype) == ("tiny", 4, 1, "float32")
    parameters = workload.parameters
    assert (parameters["sampler"], parameters["guidance_scale"], parameters["prompt"]) == ("plms", 9.0, "A photo")
    unet = workload.hot_modules["unet"]
    assert parameters["unet_parameters"] == sum(parameter.numel() for parameter in unet.parameters())
    assert parameters["timesteps"] == 4


@pytest.mark.parametrize(("sampler", "extra_calls"), [("plms", 1), ("ddim", 0), ("dpm-solver", 0)])
def test_the_model_is_called_once_a_step(sampler: str, extra_calls: int) -> None:
    workload = build(steps=7, batch_size=2, extra={"sampler": sampler})
    calls = []
    workload.hot_modules["unet"].register_forward_pre_hook(lambda _module, args: calls.append(args[0].shape))
    workload.run()
    timesteps = workload.parameters["timesteps"]
    assert timesteps == (7 if sampler == "dpm-solver" else 8)  # 7 does not divide the schedule of 1000
    assert calls == [(4, 4, 16, 16)] * (timesteps + extra_calls)


def test_the_whole_script_makes_images() -> None:
    images = build(extra={"run": "script", "n_iter": "2"}, batch_size=2).run()["images"]
    assert [image.shape for image in images] == [(128, 128, 3)] * 4
    assert not (images[0] == images[1]).all()


def test_a_run_decodes_if_asked_to(workload: sdprof.Workload) -> None:
    decoded = build(extra={"decode": "1"}).run()
    assert decoded["images"].shape == (1, 3, 128, 128)
    assert torch.equal(decoded["latents"], workload.run()["latents"])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_fifty_steps_in_half_precision_stay_finite(dtype: str) -> None:
    latents = build(steps=50, dtype=dtype, height=64, width=64).run()["latents"]
    assert latents.dtype == torch.float32
    assert torch.isfinite(latents).all()


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

    assert defaults() == ("small", 4, 128, "float32")
    assert defaults(device="cuda") == ("full", 50, 512, "float16")
    assert defaults(size="full") == ("full", 4, 256, "float32")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": "huge"}, "no size 'huge'"),
        ({"height": 100}, "height must be a multiple of 16"),
        ({"height": 0}, "height must be a multiple of 16"),
        ({"width": -64}, "width must be a multiple of 16"),
        ({"dtype": "int8"}, "no dtype 'int8'"),
        ({"steps": 1001}, "from 1 to 1000"),
        ({"steps": 0}, "from 1 to 1000"),
        ({"batch_size": 0}, "batch size must be 1 or more"),
        ({"device": "tpu"}, "no device 'tpu'"),
        ({"extra": {"scale": "much"}}, "scale=much is not a number"),
        ({"extra": {"scale": "inf"}}, "scale=inf is not a number"),
        ({"extra": {"n_iter": "0"}}, "n_iter=0 is not a whole number"),
        ({"extra": {"sampler": "euler"}}, "none of plms, ddim"),
        ({"extra": {"colour": "red"}}, "no setting 'colour'"),
        ({"extra": {"parameterization": "v"}}, "PLMS needs a model that predicts noise"),
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build(**options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens where there is no CUDA device")
def test_cuda_where_there_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="say --device cpu"):
        build(device="cuda")


def test_the_most_steps_there_are() -> None:
    from latent_diffusion.sampling_schedule import make_ddim_timesteps

    for steps in (1, 2, 3, 7, 50, 334, 600, 999, 1000):
        timesteps = make_ddim_timesteps(steps, 1000)
        assert len(timesteps) >= min(steps, 999)
        assert (timesteps[0], timesteps[-1] < 1000) == (1, True)
