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
    # TorchDynamo takes its time for every block: one level of them has all kinds.
    sizes = importlib.import_module("latent_diffusion.sizes").SIZES
    one_level = dataclasses.replace(sizes["tiny"].unet, channel_mult=(1,), attention_resolutions=(1,))
    monkeypatch.setitem(sizes, "tiny", dataclasses.replace(sizes["tiny"], unet=one_level))
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


def blamed(site):
    where = site.where
    return where.code.encode()[where.column : where.end_column].decode()


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
    (table,) = code_of(step, "break").values()
    assert blamed(table) == "self.ddim_alphas_prev[index]"
    assert "ndarray" in table.reason
    guards = " ".join(site.reason for site in step.sites if site.kind == "recompile")
    assert "index ==" in guards
    assert "len(" in guards  # of the history of noises

    whole = regions["whole loop", False]
    assert whole.graphs > step.graphs  # those of the step, and the loop's own set-up
    breaks = [site for site in whole.sites if site.kind == "break"]
    assert any(site.where.code.strip().startswith("print(") for site in breaks)
    progress = [site for site in breaks if "tqdm" in site.where.code]
    assert any("tqdm.__new__" in site.reason for site in progress)
    assert any("left to Python" in site.hint for site in breaks if "tqdm.__iter__" in site.reason)
    assert "self.ddim_alphas_prev[index]" in {blamed(site) for site in breaks}
