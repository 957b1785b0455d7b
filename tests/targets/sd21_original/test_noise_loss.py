"""The training loss against the published code's."""

import sys
from pathlib import Path

import torch

from tests.targets.sd21_original.conftest import relative_difference

sys.path.append(str(Path(__file__).parents[3] / "targets" / "sd21_training"))


def test_noise_is_added_as_published(golden_model: torch.nn.Module, golden: dict[str, torch.Tensor]) -> None:
    from training.noise_loss import add_noise

    noisy = add_noise(golden_model.alphas_cumprod, golden["train.x0"], golden["train.noise"], golden["train.t"])
    assert relative_difference(noisy, golden["train.x_noisy"]) < 1e-6


def test_the_loss_is_the_published_one(golden_model: torch.nn.Module, golden: dict[str, torch.Tensor]) -> None:
    from training.noise_loss import noise_loss

    given = (golden["train.x0"], golden["train.noise"], golden["train.t"], golden["unet.context"])
    with torch.no_grad():
        found = noise_loss(golden_model, *given)
    assert relative_difference(found, golden["train.loss_simple"]) < 1e-4
