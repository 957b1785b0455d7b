"""DPM-Solver++ of second order, multistep: Lu et al., arXiv 2211.01095, algorithm 2."""

from __future__ import annotations

import torch
from tqdm import tqdm

from latent_diffusion.continuous_schedule import ContinuousSchedule
from latent_diffusion.sampler import Guidance, Sampler

FEW_STEPS = 15
"""With fewer steps than this the last one is of first order, which is steadier."""


class DPMSolverSampler(Sampler):
    """Predicts the end of the way, and extrapolates from the last two predictions. One call of the model a step."""

    def timesteps_visited(self, steps: int) -> int:
        """As many as asked for: its times need not be timesteps."""
        return steps

    @torch.no_grad()
    def sample(
        self,
        steps: int,
        start_noise: torch.Tensor,
        conditioning: torch.Tensor,
        guidance_scale: float = 1.0,
        unconditional: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Noise (B, 4, H, W) → latents (B, 4, H, W)."""
        self.schedule = ContinuousSchedule(self.model.alphas_cumprod)
        guidance = Guidance(conditioning, guidance_scale, unconditional)
        return self.dpm_solver_sampling(start_noise, steps, guidance)

    @torch.no_grad()
    def dpm_solver_sampling(self, latents: torch.Tensor, steps: int, guidance: Guidance) -> torch.Tensor:
        """Go through evenly spaced times from 1 down to that of the first timestep."""
        times = torch.linspace(1.0, self.schedule.first_time, steps + 1, device=latents.device)
        print(f"Running DPM-Solver++ with {steps} steps")
        earlier: tuple[torch.Tensor, torch.Tensor] | None = None
        for done in tqdm(range(steps), desc="DPM-Solver++"):
            time, next_time = times[done], times[done + 1]
            pred_x0 = self.predict_x0(latents, time, guidance)
            first_order = done == steps - 1 and steps < FEW_STEPS
            latents = self.step(latents, pred_x0, time, next_time, None if first_order else earlier)
            earlier = (time, pred_x0)
        return latents

    def predict_x0(self, x: torch.Tensor, time: torch.Tensor, guidance: Guidance) -> torch.Tensor:
        """Where the model sees the end of the way: (B, 4, H, W)."""
        timesteps = self.schedule.timestep(time).expand(x.shape[0])
        output = self.get_model_output(x, timesteps, guidance)
        alpha, sigma = self.schedule.alpha(time), self.schedule.sigma(time)
        if self.model.parameterization == "v":
            return alpha * x - sigma * output
        return (x - sigma * output) / alpha

    def step(
        self,
        x: torch.Tensor,
        pred_x0: torch.Tensor,
        time: torch.Tensor,
        next_time: torch.Tensor,
        earlier: tuple[torch.Tensor, torch.Tensor] | None,
    ) -> torch.Tensor:
        """The latents at the next time.

        :param earlier: the time before this one and its prediction; None for a step of first order.
        """
        schedule = self.schedule
        width = schedule.half_log_snr(next_time) - schedule.half_log_snr(time)
        target = pred_x0
        if earlier is not None:
            earlier_time, earlier_x0 = earlier
            earlier_width = schedule.half_log_snr(time) - schedule.half_log_snr(earlier_time)
            target = pred_x0 + (pred_x0 - earlier_x0) * width / (2 * earlier_width)
        kept = schedule.sigma(next_time) / schedule.sigma(time) * x
        return kept - schedule.alpha(next_time) * torch.expm1(-width) * target
