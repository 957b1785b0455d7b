"""Samplers that take a model of velocities come to the same end as with the same model's noises."""

import copy

import pytest
import torch


@pytest.mark.parametrize("name", ["ddim", "dpm-solver"])
def test_a_velocity_model_gives_what_its_noises_give(
    golden_model: torch.nn.Module, golden: dict[str, torch.Tensor], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from latent_diffusion.continuous_schedule import ContinuousSchedule
    from target import SAMPLERS

    arguments = (4, golden["sample.x_T"], golden["sample.cond"], 9.0, golden["sample.uncond"])
    by_noise = SAMPLERS[name](golden_model).sample(*arguments)

    velocity_model = copy.copy(golden_model)
    velocity_model.parameterization = "v"
    schedule = ContinuousSchedule(golden_model.alphas_cumprod)

    def predict_velocity(x: torch.Tensor, t: torch.Tensor, cond: torch.Tensor) -> torch.Tensor:
        time = (t[0] + 1) / len(schedule.times)
        alpha, sigma = schedule.alpha(time), schedule.sigma(time)
        return (golden_model.apply_model(x, t, cond) - sigma * x) / alpha  # v = alpha eps - sigma x0

    monkeypatch.setattr(velocity_model, "apply_model", predict_velocity, raising=False)
    by_velocity = SAMPLERS[name](velocity_model).sample(*arguments)
    torch.testing.assert_close(by_velocity, by_noise, rtol=1e-3, atol=1e-3)


def test_plms_refuses_a_velocity_model(golden_model: torch.nn.Module) -> None:
    from target import SAMPLERS

    velocity_model = copy.copy(golden_model)
    velocity_model.parameterization = "v"
    with pytest.raises(ValueError, match="predicts v"):
        SAMPLERS["plms"](velocity_model)
