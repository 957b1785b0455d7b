"""The built-in target as published: its copies and waits in the loop fall, and its step becomes one graph."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
import torch

from sdprof import BuildOptions
from tests.fixes.source.compiled_steps import graphs_by_step
from tests.fixes.source.workbench import Build, Cured, cure, served

TARGET = Path(__file__).parents[3] / "targets" / "sd21_original"
STEPS = 4
MODULES = ("target", "latent_diffusion")
SAMPLERS = {"plms": (), "ddim": (), "dpm-solver": ("DPMSolverSampler.step",)}
"""And what the loop calls in a step besides the function that calls the model."""


def build_loop(sampler: str, device: str, steps: int) -> tuple[torch.nn.Module, object]:
    import target

    options = BuildOptions(
        device=device, size="tiny", steps=steps, dtype="float32", height=64, width=64, extra={"sampler": sampler}
    )
    workload = target.build(options)
    return next(iter(workload.hot_modules.values())), workload.run


@cache
def cured_loop(sampler: str) -> Cured:
    def load(texts: Mapping[str, str]) -> Build:
        def build(device: str, steps: int):
            with served(texts, MODULES, TARGET):
                return build_loop(sampler, device, steps)

        return build

    return cure(load, STEPS, (TARGET,))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_no_copy_and_no_wait_is_left_in_the_loop(sampler: str) -> None:
    cured = cured_loop(sampler)
    assert cured.before.sites
    assert not cured.after.sites, cured.stayed
    assert cured.same_bits


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_step_compiles_without_a_break_and_not_again_once_the_history_is_full(sampler: str) -> None:
    texts = {file: composed.text for file, composed in cured_loop(sampler).composed.items()}
    with served(texts, MODULES, TARGET):
        graphs = graphs_by_step(
            lambda device, steps: build_loop(sampler, device, steps), 50, (TARGET,), SAMPLERS[sampler]
        )
    assert graphs[-1] <= 5
    assert len(set(graphs[3:])) == 1
