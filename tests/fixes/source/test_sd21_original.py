"""The built-in target as published: its copies and waits in the loop fall, and its step becomes one graph."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
import torch

from sdprof import BuildOptions
from sdprof.fixes.source.compose import compose_files
from sdprof.fixes.source.edit import Edit
from sdprof.fixes.source.evidence import evidence_of
from sdprof.fixes.source.module_source import Sources
from sdprof.fixes.source.registry import propose
from tests.fixes.source.compiled_steps import graphs_by_step
from tests.fixes.source.operators_cured import census_of, made_again
from tests.fixes.source.workbench import Build, Cured, cure, same_bits, served

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


def composed_with(edits: tuple[Edit, ...], sampler: str) -> dict[str, str]:
    """The texts that have these edits beside those that take copies and waits out of the loop."""
    sources = Sources()
    every = (*cured_loop(sampler).applied, *edits)
    made = compose_files(sources.of, every)
    assert not [conflict for each in made.values() for conflict in each.conflicts]
    return {file: each.text for file, each in made.items()}


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_contexts_of_guidance_are_joined_once(sampler: str) -> None:
    def build(device: str, steps: int):
        return build_loop(sampler, device, steps)

    with served({}, MODULES, TARGET):
        before, loop, expected = census_of(build, STEPS, (TARGET,))
    (joined,) = [site for site in made_again(before) if site.op == "aten::cat" and len(site.input_shapes) == 2]
    proposals = [propose(site, Sources(), {"hoist-loop-invariant"}) for site in evidence_of(None, before, loop)]
    edits = tuple(proposal.edits[0] for proposal in proposals if proposal.edits)
    assert [edit.where for edit in edits] == [joined.where]
    texts = composed_with(edits, sampler)
    made = "torch.cat([guidance.unconditional, guidance.conditioning])"
    step = next(text for text in texts.values() if "def get_model_output" in text)
    assert f"{made}\n            if unconditional_joined is None\n" in step
    (loop_text,) = [text for text in texts.values() if f"            unconditional_joined = {made}\n" in text]
    assert "        if guidance.scale != 1.0 and guidance.unconditional is not None:\n" in loop_text
    assert not any("_made_once" in text for text in texts.values())
    with served(texts, MODULES, TARGET):
        after, _, output = census_of(build, STEPS, (TARGET,))
        graphs = graphs_by_step(build, 50, (TARGET,), SAMPLERS[sampler])
    assert same_bits(expected, output)
    assert not [site for site in made_again(after) if site.op == "aten::cat" and len(site.input_shapes) == 2]
    assert graphs[-1] <= 5
    assert len(set(graphs[3:])) == 1
