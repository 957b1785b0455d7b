"""Sampling loops as people write them, each line with what it must make a CUDA device do.

Counted by hand from PyTorch's rules, and written after the simulated device was: nothing in it knows them.
"""

# ruff: noqa: F841, RUF007, SIM108
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

WORDS = ["<pad>", "a", "photo", "of", "an", "astronaut", "riding", "<end>"]


class Denoiser(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv2d(3, 3, 3, padding=1)
        self.time = nn.Linear(1, 3)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return torch.tanh(self.mix(x) + self.time(t.reshape(-1, 1).float())[:, :, None, None])


class NextWord(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(8, 16)
        self.head = nn.Linear(16, 8)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.table(ids))


def make(model: Callable[[], nn.Module], device: str) -> Any:
    torch.manual_seed(7)
    return model().to(device)


def ancestral_step(sigma_from: Tensor, sigma_to: Tensor, eta: float = 1.0) -> tuple[Tensor, Tensor]:
    spread = (sigma_to**2 * (sigma_from**2 - sigma_to**2) / sigma_from**2) ** 0.5
    sigma_up = min(sigma_to, eta * spread)  # expect SYNC 1
    return (sigma_to**2 - sigma_up**2) ** 0.5, sigma_up


def euler_ancestral(device: str, steps: int) -> Tensor:
    model = make(Denoiser, device)
    ramp = torch.linspace(0, 1, steps, device=device)
    sigmas = (5 ** (1 / 7) + ramp * (0.1 ** (1 / 7) - 5 ** (1 / 7))) ** 7
    sigmas = torch.cat([sigmas, sigmas.new_zeros([1])])
    x = torch.randn(2, 3, 8, 8, device=device) * sigmas[0]
    ones = x.new_ones([x.shape[0]])
    seen: list[dict[str, Any]] = []
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i] * ones)
        sigma_down, sigma_up = ancestral_step(sigmas[i], sigmas[i + 1])
        seen.append({"x": x, "i": i, "sigma": sigmas[i], "denoised": denoised})
        d = (x - denoised) / sigmas[i][..., None, None, None]
        if sigma_down == 0:  # expect SYNC 1
            x = denoised
        else:
            x = x + d * (sigma_down - sigmas[i])
        if sigmas[i + 1] > 0:  # expect SYNC 1
            x = x + torch.randn_like(x) * sigma_up
    return x


def ddim_with_numpy_tables(device: str, steps: int, eta: float = 0.5) -> Tensor:
    model = make(Denoiser, device)
    alphas = np.cumprod(1 - np.linspace(1e-4, 0.02, 100))
    timesteps = np.flip(np.arange(0, 100, 100 // steps))
    x = torch.randn(2, 3, 8, 8, device=device)
    for i, step in enumerate(timesteps):
        before = alphas[timesteps[i + 1]] if i + 1 < len(timesteps) else alphas[0]
        t = torch.full((2,), step, device=device, dtype=torch.long)
        noise_pred = model(x, t)
        a_t = torch.full((2, 1, 1, 1), alphas[step], device=device)
        a_prev = torch.full((2, 1, 1, 1), before, device=device)
        spread = eta * np.sqrt((1 - before) / (1 - alphas[step]) * (1 - alphas[step] / before))
        sigma = torch.tensor(spread, device=device).float()  # expect H2D 1
        rest = torch.as_tensor(np.sqrt(1 - alphas[step]), dtype=torch.float32).to(device)  # expect H2D 1
        x0 = (x - rest * noise_pred) / a_t.sqrt()
        x = a_prev.sqrt() * x0 + (1 - a_prev - sigma**2).clamp(min=0).sqrt() * noise_pred
        x = x + sigma * torch.randn(x.shape, device=device)
    return x


def flow_with_a_python_list(device: str, steps: int) -> Tensor:
    model = make(Denoiser, device)
    schedule = [float(level) for level in np.linspace(1.0, 0.0, steps + 1)]
    x = torch.randn(2, 3, 8, 8, device=device)
    history: list[Tensor] = []
    for now, then in zip(schedule[:-1], schedule[1:], strict=True):
        t = torch.tensor([now] * 2, device=device)  # expect H2D 1
        v = model(x, t)
        history.append(v)
        x = x + (then - now) * v
        weights = x.new_tensor([0.75, 0.25])  # expect H2D 1
        x = torch.lerp(x, weights[0] * history[-1] + weights[1] * history[0], 0.01)
        x = x * (1.0 if now > 0.5 else 0.99)
        x = torch.cat([x[:1], x[1:]]).to(device).to(x.dtype)
    return x


def preview(x: Tensor, factors: Tensor) -> np.ndarray[Any, Any]:
    picture = torch.einsum("bchw,cr->bhwr", x[:1], factors.to(x.device))  # expect H2D 1
    return picture.clamp(0, 1).mul(255).byte().cpu().numpy()  # expect D2H 1


def with_callbacks(device: str, steps: int) -> Tensor:
    model = make(Denoiser, device)
    factors = torch.tensor([[0.3, 0.2, 0.1], [0.1, 0.3, 0.2], [0.2, 0.1, 0.3]])
    times = torch.arange(steps, 0, -1, device=device)
    x = torch.randn(1, 3, 8, 8, device=device)
    shown: list[Any] = []
    log: list[str] = []
    for step, t in enumerate(times):
        x = x - 0.1 * model(x, t)
        if step % 2 == 0:
            shown.append(preview(x, factors))
        log.append(f"step {step} of {len(times)}: {x.std().item():.2f}")  # expect SYNC 1
        if not torch.isfinite(x).all():  # expect SYNC 1
            break
    return x + shown[-1].mean() * 0


def image_to_image_with_a_mask(device: str, steps: int) -> Tensor:
    model = make(Denoiser, device)
    corner = np.zeros((1, 1, 8, 8), dtype=np.float32)
    corner[..., 3:, 2:] = 1
    mask = torch.from_numpy(corner).to(device)  # expect H2D 1 once
    original = torch.rand(1, 3, 8, 8).to(device)  # expect H2D 1 once
    inside = mask > 0.5
    x = original.clone()
    for step in range(steps):
        noise = torch.randn(original.shape).to(device)  # expect H2D 1
        noised = original + noise * (1 - step / steps)
        x = x - 0.1 * model(x, x.new_full((1,), step))
        x = noised * (1 - mask) + x * mask
        everywhere = inside.expand_as(x)
        x[~everywhere] = noised[~everywhere]  # expect SYNC 2
        x = torch.where(inside, x, noised)
        if inside.any():  # expect SYNC 1
            x = x * 1.0
        rows = inside.nonzero()  # expect SYNC 1
        low = rows.min(0).values.tolist()  # expect D2H 1
        x[:, :, low[2] :, low[3] :] += 0.01
        x.masked_fill_(x.isnan(), 0.0)
    return x


def words_until_the_end(device: str, steps: int) -> Tensor:
    model = make(NextWord, device)
    ids = torch.tensor([[1, 2]], device=device)  # expect H2D 1 once
    pad = torch.tensor(0, device=device)  # expect H2D 1 once
    done = torch.zeros(1, dtype=torch.bool, device=device)
    text: list[str] = []
    for _ in range(steps):
        logits = model(ids[:, -1])
        token = logits.argmax(-1)
        token = torch.where(done, pad, token)
        ids = torch.cat([ids, token[:, None]], 1)
        done = done | (token == 9)
        if done.all():  # expect SYNC 1
            break
        ends = (ids == 7).nonzero()  # expect SYNC 1
        if ends.shape[0] > 100:
            break
        text.append(WORDS[token])  # expect SYNC 1
        likely = logits.softmax(-1)
        other = torch.multinomial(likely, 1)  # expect SYNC 1
        certainty = likely[0, token]
        best = likely.topk(2).indices
        ids[0, 0] = 1  # expect H2D 1
    return ids


def multistep_by_timestep(device: str, steps: int) -> Tensor:
    model = make(Denoiser, device)
    timesteps = torch.linspace(99, 0, steps, device=device).round().long()
    levels = torch.linspace(0.01, 0.99, 100)
    names = {int(t): f"t{position}" for position, t in enumerate(timesteps.tolist())}  # expect D2H 1 once
    x = torch.randn(1, 3, 8, 8, device=device)
    previous: Tensor | None = None
    for t in timesteps:
        position = (timesteps == t).nonzero().item()  # expect SYNC 2
        level = levels[t]  # expect SYNC 1
        v = model(x, t)
        x = x + v * level * 0.1
        x = x + (v if previous is None else v - previous) * 0.1
        previous = v
        if position == steps - 1 and x.requires_grad:
            x = x.detach()
        label = names[t.item()]  # expect SYNC 1
        order = min(2, steps - int(position))
        ratio = levels[max(0, int(t) - 1)] / level  # expect SYNC 1
        x = x * ratio.clamp(max=1.0)
    return x
