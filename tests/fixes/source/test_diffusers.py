"""Diffusers' schedulers: what waits in the loop falls with the same bits, or is declined."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.fixes.source.workbench import Build, cure, served

LOOP = Path(__file__).parent / "loops" / "of_libraries" / "diffusers_loop.py"


def load(texts: Mapping[str, str], scheduler: str) -> Build:
    def build(device: str, steps: int):
        with served(texts, ("diffusers.schedulers.scheduling_", "diffusers_loop"), LOOP.parent):
            import diffusers_loop

            return diffusers_loop.build(device, steps, scheduler)

    return build


@pytest.mark.parametrize(
    "scheduler",
    ["ddim.DDIMScheduler", "pndm.PNDMScheduler", "dpmsolver_multistep.DPMSolverMultistepScheduler"],
)
def test_waits_fall_and_bits_stay(scheduler: str) -> None:
    cured = cure(lambda texts: load(texts, scheduler), 6, (LOOP.parent,))
    assert cured.after.late == 0, cured.stayed
    assert cured.same_bits
