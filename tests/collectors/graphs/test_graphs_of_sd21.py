"""The published Stable Diffusion 2.1 path, as far as TorchDynamo sees it."""

import dataclasses
import importlib
import sys
from pathlib import Path

import pytest
import torch

import sdprof
from sdprof.collectors import graphs, loop
from sdprof.collectors.watched_run import WatchedRun

TARGET = Path(__file__).parents[3] / "targets" / "sd21_original"


@pytest.fixture
def watched(tmp_path, monkeypatch):
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(TARGET))
    workload = importlib.import_module("target").build(sdprof.BuildOptions(size="tiny", steps=5))
    watched = WatchedRun(
        run=workload.run,
        hot_modules=workload.hot_modules,
        source_roots=tuple(Path(root) for root in workload.source_roots),
        folder=tmp_path,
        device=torch.device("cpu"),
        dtype=None,
        compiled=False,
        loop=None,
        options={"graphs.seconds": "600"},
    )
    yield dataclasses.replace(watched, loop=loop.collect(watched))
    for name in set(sys.modules) - before:
        if name == "target" or name.partition(".")[0] == "latent_diffusion":
            del sys.modules[name]


def code_of(region, kind):
    return {site.where.code.strip(): site for site in region.sites if site.kind == kind}


@pytest.mark.slow
def test_what_torchdynamo_finds_in_the_published_loop(watched):
    profile = graphs.collect(watched)
    regions = {(region.name, region.grad): region for region in profile.regions}
    assert profile.skipped == ()
    assert {name: region.function for (name, _), region in regions.items()} == {
        "unet": "UNetModel.forward",
        "model call": "LatentDiffusion.apply_model",
        "sampler step": "PLMSSampler.p_sample_plms",
        "whole loop": "PLMSSampler.plms_sampling",
    }
    assert not any(region.error for region in regions.values())
    for name in ("unet", "model call"):
        assert (regions[name, False].graphs, regions[name, False].breaks, regions[name, False].recompiles) == (1, 0, 0)

    # With grad on, the checkpoint wrapper breaks the graph, and explain does not say so.
    with_grad = regions["unet", True]
    assert with_grad.breaks >= 2
    assert any("checkpoint(" in code for code in code_of(with_grad, "break"))
    assert {site.seen_by for site in with_grad.sites} == {("structured trace",)}
    assert with_grad.graphs > 1

    # The step: the index becomes dynamic and cannot pick from a NumPy table any more; the history grows.
    step = regions["sampler step", False]
    assert (step.graphs, step.calls) == (8, 5)
    assert list(code_of(step, "break")) == [
        "a_prev = torch.full((b, 1, 1, 1), self.ddim_alphas_prev[index], device=device)"
    ]
    (table,) = code_of(step, "break").values()
    line = table.where.code.encode()
    assert line[table.where.column : table.where.end_column] == b"self.ddim_alphas_prev[index]"
    guards = " ".join(site.reason for site in step.sites if site.kind == "recompile")
    assert "index ==" in guards
    assert "len(old_eps) ==" in guards

    whole = regions["whole loop", False]
    assert whole.graphs == 9
    assert [site.where.code.strip().partition("(")[0] for site in whole.sites if site.kind == "break"] == [
        "print",
        "iterator = tqdm",
        "for i, step in enumerate",
        "a_prev = torch.full",
    ]
    assert {Path(site.where.file).name for site in whole.sites} == {"plms.py", "sampler.py"}
