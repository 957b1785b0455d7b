"""The built-in target as published: its copies and waits in the loop fall, and the output keeps its bits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from sdprof import BuildOptions
from tests.fixes.source.workbench import Build, cure, served

TARGET = Path(__file__).parents[3] / "targets" / "sd21_original"
STEPS = 4


def load(texts: Mapping[str, str], **settings: str) -> Build:
    def build(device: str, steps: int):
        with served(texts, ("target", "latent_diffusion"), TARGET):
            import target

            options = BuildOptions(
                device=device, size="tiny", steps=steps, dtype="float32", height=64, width=64, extra=settings
            )
            workload = target.build(options)
        return next(iter(workload.hot_modules.values())), workload.run

    return build


@pytest.mark.parametrize("sampler", ["plms", "ddim", "dpm-solver"])
def test_no_copy_and_no_wait_is_left_in_the_loop(sampler: str) -> None:
    cured = cure(lambda texts: load(texts, sampler=sampler), STEPS, (TARGET,))
    assert cured.before.sites
    assert not cured.after.sites, cured.stayed
    assert cured.same_bits
