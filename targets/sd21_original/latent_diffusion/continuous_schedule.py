"""The noise schedule between its thousand timesteps, as solvers of the diffusion equation need it."""

from __future__ import annotations

import torch


class ContinuousSchedule:
    """Times in (0, 1]; timestep n of N lies at (n + 1) / N, and log alpha is linear in between."""

    def __init__(self, alphas_cumprod: torch.Tensor) -> None:
        self.log_alphas = alphas_cumprod.log() / 2
        count = len(alphas_cumprod)
        self.times = torch.arange(1, count + 1, device=alphas_cumprod.device) / count
        self.first_time = 1 / count

    def timestep(self, time: torch.Tensor) -> torch.Tensor:
        """What the model calls this time: a number between timesteps, too."""
        return (time - self.first_time) * len(self.times)

    def log_alpha(self, time: torch.Tensor) -> torch.Tensor:
        """The logarithm of how much of the signal is left; beyond either end, on the line of the last two entries."""
        right = torch.searchsorted(self.times, time).clamp(1, len(self.times) - 1)
        left = right - 1
        share = (time - self.times[left]) / (self.times[right] - self.times[left])
        return self.log_alphas[left] + share * (self.log_alphas[right] - self.log_alphas[left])

    def alpha(self, time: torch.Tensor) -> torch.Tensor:
        """How much of the signal is left."""
        return self.log_alpha(time).exp()

    def sigma(self, time: torch.Tensor) -> torch.Tensor:
        """How much noise there is: alpha² + sigma² = 1."""
        return (-torch.expm1(2 * self.log_alpha(time))).sqrt()

    def half_log_snr(self, time: torch.Tensor) -> torch.Tensor:
        """Half the logarithm of the signal to noise ratio, log(alpha / sigma): evenly curved where time is not."""
        return self.log_alpha(time) - self.sigma(time).log()
