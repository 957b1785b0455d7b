"""Sampling loops of unusual styles: where the loop is not a ``for`` in the function that was called.

Each line says what it must make the device do, as in ``odd_loops.py``.
"""

# ruff: noqa: B007
from __future__ import annotations

import asyncio
import functools
import io
import itertools
import operator
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import einops
import numpy as np
import torch
from scipy.integrate import solve_ivp
from torch import Tensor, nn

from tests.device.odd_loops import make_model


def as_generator(device: str, steps: int) -> Tensor:
    model = make_model(device)

    def progressively() -> Iterator[dict[str, Any]]:
        x = torch.randn(1, 3, 8, 8, device=device)
        for t in torch.linspace(1, 0, steps):
            sigma = t.to(device)  # expect H2D 1
            x = x - 0.1 * model(x, sigma)
            yield {"x": x, "norm": x.norm().item()}  # expect SYNC 1

    last: dict[str, Any] = {}
    for last in progressively():
        last["x"].mul_(last["norm"] > 0)
    return last["x"]


def asynchronous(device: str, steps: int) -> Tensor:
    model = make_model(device)

    async def ticks() -> AsyncIterator[Tensor]:
        for i in range(steps):
            await asyncio.sleep(0)
            yield torch.tensor(float(i), device=device)  # expect H2D 1

    pictures: list[Tensor] = []  # not the result of the task: asyncio prints that when it ends

    async def sample() -> None:
        x = torch.randn(1, 3, 8, 8, device=device)
        async for t in ticks():
            x = x - 0.01 * model(x, t)
            await asyncio.sleep(0)
            if not torch.isfinite(x).all():  # expect SYNC 1
                break
        pictures.append(x)

    asyncio.run(sample())
    return pictures[0]


def in_threads(device: str, steps: int) -> Tensor:
    model = make_model(device)
    starts = [torch.full((1, 3, 8, 8), 0.5 * n, device=device) for n in range(steps)]

    @torch.no_grad()
    def one(x: Tensor) -> Tensor:
        x = x - 0.1 * model(x, x.new_ones(1))
        scale = x.abs().max().item()  # expect SYNC 1
        return x / scale

    with ThreadPoolExecutor(2) as pool:
        pictures = list(pool.map(one, starts))
    return torch.cat(pictures)


def recursive(device: str, steps: int) -> Tensor:
    model = make_model(device)
    sigmas = torch.linspace(3, 0, steps, device=device)

    def descend(x: Tensor, i: int) -> Tensor:
        if i == len(sigmas):
            return x
        if sigmas[i] > 1:  # expect SYNC 1
            x = x * 0.9
        return descend(x - 0.1 * model(x, sigmas[i]), i + 1)

    return descend(torch.randn(1, 3, 8, 8, device=device), 0)


@dataclass(frozen=True)
class Config:
    steps: int
    scale: float = 2.0
    callbacks: tuple[Callable[[int, Tensor], None], ...] = field(default=())


class Sampler:
    def __init__(self, config: Config, device: str) -> None:
        self.config = config
        self.model = make_model(device)
        self.device = torch.device(device)
        self.log: list[float] = []
        self.hooks = [*config.callbacks, self.remember]

    @property
    def scale(self) -> Tensor:
        return torch.as_tensor(self.config.scale, device=self.device)  # expect H2D 1

    def remember(self, step: int, x: Tensor) -> None:
        self.log.append(float(x.mean()))  # expect SYNC 1

    def __call__(self, x: Tensor) -> Tensor:
        for step in range(self.config.steps):
            x = self.step(x, step)
            for hook in self.hooks:
                hook(step, x)
        return x

    @torch.no_grad()
    def step(self, x: Tensor, step: int) -> Tensor:
        return x - self.model(x, x.new_ones(1)) / self.scale


def sampler_class(device: str, steps: int) -> Tensor:
    seen: deque[Tensor] = deque(maxlen=2)
    sampler = Sampler(Config(steps, callbacks=(lambda step, x: seen.append(x),)), device)
    return sampler(torch.ones(1, 3, 8, 8, device=device)) + seen[-1]


def decorated(device: str, steps: int) -> Tensor:
    model = make_model(device)

    def counted(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Tensor:
            wrapper.calls += 1  # type: ignore[attr-defined]
            return function(*args, **kwargs)

        wrapper.calls = 0  # type: ignore[attr-defined]
        return wrapper

    @contextmanager
    def on(device: str) -> Iterator[Tensor]:
        weight = torch.tensor([0.1], device=device)  # expect H2D 1
        yield weight
        weight.zero_()

    @counted
    @torch.inference_mode()
    def step(x: Tensor, *, sigma: float) -> Tensor:
        with on(device) as weight:
            return x - weight * model(x, torch.full((1,), sigma, device=device))

    x = torch.ones(1, 3, 8, 8, device=device)
    take = functools.partial(step, sigma=0.5)
    while True:
        x = take(x)
        if step.calls >= steps and bool((x.std() > 0).item()):  # expect SYNC 1 once
            break
    return x.clone()


def reduced(device: str, steps: int) -> Tensor:
    model = make_model(device)
    sigmas = torch.linspace(3, 0.5, steps, device=device)

    def step(x: Tensor, sigma: Tensor) -> Tensor:
        return x - 0.1 * model(x, sigma) * float(sigma)  # expect SYNC 1

    x = functools.reduce(step, sigmas, torch.ones(1, 3, 8, 8, device=device))
    history = list(itertools.accumulate([x] * steps, operator.add))
    means = [h.mean().item() for h in history]  # expect SYNC 1
    norms = list(map(Tensor.item, [h.norm() for h in history]))  # expect SYNC 4 once
    return history[-1] * (sum(means) + sum(norms))


def comprehended(device: str, steps: int) -> Tensor:
    model = make_model(device)
    x = torch.ones(1, 3, 8, 8, device=device)
    trail = [x := x - 0.1 * model(x, torch.tensor([t], device=device)) for t in range(steps)]  # expect H2D 1
    table = {i: v.amax().tolist() for i, v in enumerate(trail)}  # expect SYNC 1
    return torch.stack(trail) * max(table.values())


def retried(device: str, steps: int) -> Tensor:
    model = make_model(device)
    x = torch.ones(1, 3, 8, 8, device=device)
    for step in range(steps):
        for attempt in range(2):
            try:
                y = x - 0.1 * model(x, x.new_ones(1))
                if attempt == 0 and y.sum() != 0:  # expect SYNC 1
                    raise FloatingPointError("again")
            except FloatingPointError:
                x = x * 0.5
            else:
                x = y
                break
    return x


def two_models_and_a_switch(device: str, steps: int) -> Tensor:
    base, refiner = make_model(device), make_model(device)
    models = nn.ModuleDict({"base": base, "refiner": refiner})
    x = torch.randn(1, 3, 8, 8, device=device)
    times = torch.linspace(1, 0, steps, device=device)
    for t in times:
        match t:
            case _ if t > 0.5:  # expect SYNC 1
                name = "base"
            case _:
                name = "refiner"
        x = x - 0.1 * models[name](x, t)
        x = einops.rearrange(x, "b c (h p) (w q) -> b (c p q) h w", p=2, q=2)
        x = einops.rearrange(x, "b (c p q) h w -> b c (h p) (w q)", p=2, q=2)
    return x


def ordinary_differential_equation(device: str, steps: int) -> Tensor:
    model = make_model(device)
    shape = (1, 3, 4, 4)

    def velocity(t: float, flat: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(flat.reshape(shape)).to(device, torch.float32)  # expect H2D 1 14 visits
        time = torch.full((1,), t, device=device)
        return -0.1 * model(x, time).detach().cpu().numpy().reshape(-1).astype(np.float64)  # expect D2H 1 14 visits

    start = torch.ones(shape, device=device).cpu().numpy().reshape(-1)  # expect D2H 1 once
    solution = solve_ivp(velocity, (0, 1), start, method="RK45", max_step=1.0, rtol=1.0, atol=1.0)
    return torch.from_numpy(solution.y[:, -1]).to(device).float()  # expect H2D 1 once


SOURCE = """
def run(model, x, sigmas):
    for sigma in sigmas:
        x = x - 0.1 * model(x, sigma)
        if sigma < 0:
            break
    return x
"""


def executed(device: str, steps: int) -> Tensor:
    scope: dict[str, Any] = {}
    exec(compile(SOURCE, "<ipython-input-3-0123456789ab>", "exec"), scope)
    x = torch.ones(1, 3, 8, 8, device=device)
    return scope["run"](make_model(device), x, torch.linspace(3, 0.1, steps, device=device))  # expect SYNC 4 once


def numpy_schedule(device: str, steps: int) -> Tensor:
    model = make_model(device)
    betas = np.linspace(1e-2, 0.2, steps, dtype=np.float32)
    alphas = np.cumprod(1 - betas)
    x = torch.ones(1, 3, 8, 8, device=device)
    for i, a in enumerate(alphas):
        t = torch.from_numpy(np.array([i])).to(device)  # expect H2D 1
        x = np.float64(1.0) * (x - np.sqrt(1 - a) * model(x, t)) / np.sqrt(a)
        x = x * alphas[i] ** 0.5 + torch.as_tensor(betas, device=device)[i]  # expect H2D 1
        x[:, int(np.argmax(betas)) % 3] += 0.1
        x[..., [0, -1]] = 0  # expect H2D 2
    return x


def by_default_device(device: str, steps: int) -> Tensor:
    torch.set_default_device(device)
    try:
        model = make_model(device)
        x = torch.ones(1, 3, 8, 8)
        ladder = torch.linspace(1, 0.1, steps)
        scale = torch.tensor(2.0)  # expect H2D 1 once
        for i, sigma in enumerate(ladder):
            noise = torch.randn(3, 8, 8) * sigma / scale
            weight = torch.as_tensor(np.float32(0.5))  # expect H2D 1
            x = x - 0.1 * model(x, sigma) + noise * weight
            keep = torch.zeros(8, dtype=torch.bool)
            keep[:4] = True
            x[..., keep] *= 0.5  # expect SYNC 2
            table = torch.from_numpy(np.arange(3, dtype=np.float32))
            x = x + table.to(device)[:, None, None] * 0.01  # expect H2D 1
    finally:
        torch.set_default_device(None)
    return x


def prefetched(device: str, steps: int) -> Tensor:
    model = make_model(device)
    on_gpu = device == "cuda"
    batches = [torch.full((1, 3, 8, 8), float(i), pin_memory=on_gpu) for i in range(steps + 1)]
    stream = torch.cuda.Stream() if on_gpu else None
    x = torch.zeros(1, 3, 8, 8, device=device)

    def fetch(i: int) -> Tensor:
        with torch.cuda.stream(stream):
            return batches[i].to(device, non_blocking=True)  # expect H2D 1

    following = batches[0].to(device)  # expect H2D 1 once
    for i in range(steps):
        batch, following = following, fetch(i + 1)
        x = x + model(batch, x.new_ones(1))
        if stream is not None:
            torch.cuda.current_stream().wait_stream(stream)
            batch.record_stream(torch.cuda.current_stream())
    if on_gpu:
        done = torch.cuda.Event()
        done.record()
        done.synchronize()  # expect SYNC 1 once
    return x


def resumed_from_a_file(device: str, steps: int) -> Tensor:
    model = make_model(device)
    x = torch.ones(1, 3, 8, 8, device=device)
    for step in range(steps):
        x = x - 0.1 * model(x, x.new_ones(1))
        file = io.BytesIO()
        torch.save({"x": x.detach(), "step": step, "rng": torch.get_rng_state()}, file)  # expect D2H 1
        file.seek(0)
        state = torch.load(file)  # expect H2D 1
        torch.set_rng_state(state["rng"])
        x = state["x"] + torch.randn(1, device=x.device)
    return x


class RecurrentScore(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.utils.weight_norm(nn.Linear(6, 8))
        self.memory = nn.GRU(8, 8, batch_first=True)
        self.cell = nn.LSTMCell(8, 8)
        self.decode = nn.Linear(8, 6)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        hidden, _ = self.memory(self.encode(x))
        state = self.cell(hidden[:, -1], state)
        return self.decode(hidden + state[0][:, None]), state


def recurrent_policy(device: str, steps: int) -> Tensor:
    torch.manual_seed(3)
    model = RecurrentScore()
    model(torch.ones(1, 5, 6), None)
    model.to(device)  # expect H2D 13 once
    x = torch.randn(2, 5, 6, device=device)
    lengths = torch.tensor([5, 3])
    state = None
    for step in range(steps):
        eps, state = model(x, state)
        packed = nn.utils.rnn.pack_padded_sequence(x - 0.1 * eps, lengths, batch_first=True)
        x, _ = nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
        mask = torch.arange(5, device=device) < lengths.to(device)[:, None]  # expect H2D 1
        x = torch.where(mask[..., None], x, x.new_zeros(()))
    return x


class Latent(Tensor):
    @property
    def energy(self) -> Tensor:
        return self.pow(2).mean()


def latents_of_their_own_class(device: str, steps: int) -> Tensor:
    model = make_model(device)
    x = torch.ones(1, 3, 8, 8, device=device).as_subclass(Latent)
    record = torch.zeros(steps)
    for step in range(steps):
        x = x - 0.1 * model(x, torch.ones(1, device=device))
        assert isinstance(x, Latent)
        record[[step]] = x.energy.detach()  # expect D2H 1
        if x.energy > 100:  # expect SYNC 1
            break
    return x.as_subclass(Tensor) * record.sum()


def annealed_by_its_own_gradient(device: str, steps: int) -> Tensor:
    model = make_model(device)
    x = torch.ones(1, 3, 8, 8, device=device)
    target = torch.zeros(3, device=device)
    for step in range(steps):
        with torch.inference_mode(False), torch.enable_grad():
            guess = x.clone().requires_grad_(True)
            energy = (model(guess, guess.new_ones(1)).mean((0, 2, 3)) - target).square().sum()
            energy.backward(torch.tensor(0.5))  # expect H2D 1
            norm = nn.utils.clip_grad_norm_([guess], 1.0)
            direction = guess.grad / (norm + 1)
        x = x - direction
        x[0, 0].fill_(energy.detach())
        if torch.any(torch.isnan(x)):  # expect SYNC 1
            raise FloatingPointError
    return x
