"""The port computes what the published code computes, and what diffusers makes of the same weights."""

import pytest
import torch

from tests.targets.sd21_original.conftest import relative_difference

TOLERANCE = 1e-4
Tensors = dict[str, torch.Tensor]


def test_unet_call(golden_model: torch.nn.Module, golden: Tensors) -> None:
    with torch.no_grad():
        out = golden_model.model.diffusion_model(golden["unet.x"], golden["unet.t"], golden["unet.context"])
    assert relative_difference(out, golden["unet.out"]) < TOLERANCE


@pytest.mark.parametrize("name", ["plms", "ddim", "dpm_solver"])
def test_ten_steps(golden_model: torch.nn.Module, golden: Tensors, name: str) -> None:
    from target import SAMPLERS

    sampler = SAMPLERS[name.replace("_", "-")](golden_model)
    latents = sampler.sample(10, golden["sample.x_T"], golden["sample.cond"], 9.0, golden["sample.uncond"])
    assert relative_difference(latents, golden[f"sample.{name}"]) < TOLERANCE


def test_image_to_image(golden_model: torch.nn.Module, golden: Tensors) -> None:
    from latent_diffusion.ddim import DDIMSampler
    from latent_diffusion.sampler import Guidance

    sampler = DDIMSampler(golden_model)
    sampler.make_schedule(10)
    encoded = sampler.stochastic_encode(golden["img2img.x0"], 5, golden["img2img.noise"])
    assert relative_difference(encoded, golden["img2img.encoded"]) < TOLERANCE
    guidance = Guidance(golden["sample.cond"], 9.0, golden["sample.uncond"])
    decoded = sampler.ddim_sampling(encoded, 5, guidance)
    assert relative_difference(decoded, golden["img2img.decoded"]) < TOLERANCE


def test_schedule(golden_model: torch.nn.Module, golden: Tensors) -> None:
    assert relative_difference(golden_model.alphas_cumprod, golden["schedule.alphas_cumprod"]) < TOLERANCE


def test_autoencoder(golden_model: torch.nn.Module, golden: Tensors) -> None:
    with torch.no_grad():
        decoded = golden_model.decode_first_stage(golden["vae.z"])
        moments = golden_model.first_stage_model.encode_moments(golden["vae.image"])
    assert relative_difference(decoded, golden["vae.decoded"]) < TOLERANCE
    assert relative_difference(moments, golden["vae.moments"]) < TOLERANCE


def test_diffusers_unet_on_the_same_weights(golden_model: torch.nn.Module, golden: Tensors) -> None:
    from latent_diffusion.sizes import UNetShape
    from sd21_in_diffusers.models import diffusers_unet

    shape = UNetShape(model_channels=32, num_head_channels=32, context_dim=64)
    unet = diffusers_unet(golden_model.model.diffusion_model, shape)
    with torch.no_grad():
        out = unet(golden["unet.x"], golden["unet.t"], encoder_hidden_states=golden["unet.context"]).sample
        ours = golden_model.model.diffusion_model(golden["unet.x"], golden["unet.t"], golden["unet.context"])
    assert relative_difference(ours, out) < TOLERANCE
