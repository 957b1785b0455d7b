"""With reads and the odd table cured, a whole step compiles without a break, and soon without recompiling."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
import torch._dynamo

from sdprof import BuildOptions
from tests.fixes.source.test_sd21_original import STEPS, TARGET, load
from tests.fixes.source.workbench import cure, served

LONG = 50
FULL_HISTORY = 4
MOST_GRAPHS = 5


def graphs_after_each_step(texts: Mapping[str, str], sampler_name: str, step_name: str) -> tuple[list[int], int]:
    """Number of graphs after each step, and graph breaks, where the model is a stand-in of two operators."""
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    with served(texts, ("target", "latent_diffusion"), TARGET):
        import target

        options = target.resolve(BuildOptions(device="cpu", size="tiny", steps=LONG, height=64, width=64))
        model, _ = target.build_model(options, target.SIZES["tiny"])
        sampler = target.SAMPLERS[sampler_name](model)
        model.apply_model = lambda x, t, c: x * 0.9 + t.view(-1, 1, 1, 1) * 1e-6
        compiled = torch.compile(getattr(sampler, step_name), backend="eager")
        counts: list[int] = []

        def step(*args: object) -> object:
            result = compiled(*args)
            counts.append(torch._dynamo.utils.counters["stats"]["unique_graphs"])
            return result

        setattr(sampler, step_name, step)
        latents, context = torch.randn(1, 4, 8, 8), torch.randn(1, 7, 8)
        sampler.sample(LONG, latents, context, 7.5, torch.zeros_like(context))
    return counts, sum(torch._dynamo.utils.counters["graph_break"].values())


@pytest.mark.parametrize(
    ("sampler", "step"), [("plms", "p_sample_plms"), ("ddim", "p_sample_ddim"), ("dpm-solver", "step")]
)
def test_a_whole_step_is_one_graph(sampler: str, step: str) -> None:
    cured = cure(lambda texts: load(texts, sampler=sampler), STEPS, (TARGET,))
    texts = {file: each.text for file, each in cured.composed.items()}
    counts, breaks = graphs_after_each_step(texts, sampler, step)
    assert breaks == 0
    assert counts[-1] <= MOST_GRAPHS
    assert counts[FULL_HISTORY:] == counts[-1:] * len(counts[FULL_HISTORY:])


def test_as_published_the_step_breaks() -> None:
    counts, breaks = graphs_after_each_step({}, "plms", "p_sample_plms")
    assert breaks > 0
    assert counts[-1] > MOST_GRAPHS
