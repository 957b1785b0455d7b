"""The target's own package, importable as the worker makes it."""

import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

TARGET = Path(__file__).parents[3] / "targets" / "sd21_original"
GOLDEN = Path(__file__).parents[2] / "golden" / "sd21"


@pytest.fixture(scope="session", autouse=True)
def target_folder_on_path() -> Iterator[None]:
    sys.path.insert(0, str(TARGET))
    sys.path.append(str(TARGET.with_name("diffusers_sd21")))
    yield
    sys.path.remove(str(TARGET))


@pytest.fixture(scope="session")
def golden() -> dict[str, torch.Tensor]:
    return load_file(GOLDEN / "golden_small.safetensors")


@pytest.fixture(scope="session")
def golden_model() -> torch.nn.Module:
    """The model at the golden size, with the weights of the golden formula: the full topology, 32 channels wide."""
    from latent_diffusion.diffusion import LatentDiffusion
    from latent_diffusion.sizes import AutoencoderShape, Size, TextShape, UNetShape

    size = Size(
        unet=UNetShape(model_channels=32, num_head_channels=32, context_dim=64),
        autoencoder=AutoencoderShape(channels=32),
        text=TextShape(width=64, layers=2, heads=2),
        image_size=128,
        steps=10,
    )
    with torch.device("meta"):
        model = LatentDiffusion(size, use_fp16=False).eval()
    model.to_empty(device="cpu")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            values = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(zlib.crc32(name.encode())))
            if parameter.dim() > 1:
                parameter.copy_(values / parameter[0].numel() ** 0.5)
            else:
                parameter.copy_((1 if name.endswith("weight") else 0) + 0.1 * values)
    model.register_schedule(torch.device("cpu"))
    return model


def relative_difference(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """The largest difference as a share of the largest value; NaN stays NaN, which is under no tolerance."""
    return float((found - wanted).abs().max() / wanted.abs().max())
