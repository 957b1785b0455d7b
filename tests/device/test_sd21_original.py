"""The built-in target as published: N steps of PLMS call the model N + 1 times."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest
import torch

from sdprof import BuildOptions
from sdprof.device import Simulation, simulate_without_values, to_host

TARGET = Path(__file__).parents[2] / "targets" / "sd21_original"
STEPS = 4


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(TARGET)
    loaded = set(sys.modules)
    import target

    yield target.build
    for name in set(sys.modules) - loaded:
        if name == "target" or name.startswith("latent_diffusion"):
            del sys.modules[name]


def test_copies_and_waits_of_the_loop(build, device: Simulation) -> None:
    options = {"size": "tiny", "steps": STEPS, "dtype": "float32", "height": 64, "width": 64}
    workload = build(BuildOptions(device="cuda", **options))
    before = len(device.events)
    outputs = workload.run()["latents"]
    events = device.events[before:]
    in_loop = [event for event in events if any(frame.function.endswith("p_sample_plms") for frame in event.frames)]
    assert Counter(event.kind for event in in_loop) == {"H2D": STEPS + 1, "SYNC": 3 * (STEPS + 1)}
    assert {event.expression.function for event in in_loop if event.kind == "H2D"} == {"timestep_embedding"}
    set_up = Counter(event.kind for event in events if event not in in_loop)
    assert set_up == {"D2H": 6, "H2D": 8}
    assert torch.equal(to_host(outputs), build(BuildOptions(device="cpu", **options)).run()["latents"])


@pytest.mark.slow
def test_full_size_without_values(build) -> None:
    with simulate_without_values() as device:
        workload = build(BuildOptions(device="cuda", size="full", steps=1))
        flops, before = device.costs.flops, len(device.events)
        outputs = workload.run()["latents"]
    assert outputs.shape == (1, 4, 64, 64)
    kinds = Counter(event.kind for event in device.events[before:] if "p_sample_plms" in str(event.frames))
    assert kinds == {"H2D": 2, "SYNC": 6}
    # 1.356 TFLOP of convolutions and linear layers, 0.252 of attention products (by the sizes: 4 L S C each).
    assert (device.costs.flops - flops) / 2 == pytest.approx(1.6085e12, rel=1e-3)
    assert device.memory.peak_bytes > 3.79e9
