"""A time that is counted down on the device, and how long the loop goes on is asked of it."""

import torch
from torch import nn


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(8, 8)

    def velocity(self, x, time):
        return self.mix(x) + time[:, None] * 0.1

    @torch.no_grad()
    def act(self, noise, steps):
        device, x = noise.device, noise
        dt = torch.tensor(-1.0 / steps, dtype=torch.float32, device=device)
        time = torch.tensor(1.0, dtype=torch.float32, device=device)
        while time >= -dt / 2:
            expanded = time.expand(len(x))
            x = x + dt * self.velocity(x, expanded)
            time += dt
        return x


def build(device, steps):
    policy = Policy().to(device)
    return policy.mix, lambda: policy.act(torch.randn(2, 8, device=device), steps)
