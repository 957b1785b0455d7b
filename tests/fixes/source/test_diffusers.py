"""Diffusers' schedulers: what waits step by step falls with the same bits."""

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


SCHEDULERS = """
ddim.DDIMScheduler ddim_inverse.DDIMInverseScheduler ddim_parallel.DDIMParallelScheduler ddpm.DDPMScheduler
pndm.PNDMScheduler ipndm.IPNDMScheduler lcm.LCMScheduler tcd.TCDScheduler sasolver.SASolverScheduler
dpmsolver_multistep.DPMSolverMultistepScheduler dpmsolver_singlestep.DPMSolverSinglestepScheduler
deis_multistep.DEISMultistepScheduler unipc_multistep.UniPCMultistepScheduler lms_discrete.LMSDiscreteScheduler
euler_discrete.EulerDiscreteScheduler euler_ancestral_discrete.EulerAncestralDiscreteScheduler
heun_discrete.HeunDiscreteScheduler k_dpm_2_discrete.KDPM2DiscreteScheduler
k_dpm_2_ancestral_discrete.KDPM2AncestralDiscreteScheduler edm_euler.EDMEulerScheduler
edm_dpmsolver_multistep.EDMDPMSolverMultistepScheduler flow_match_lcm.FlowMatchLCMScheduler
flow_match_euler_discrete.FlowMatchEulerDiscreteScheduler flow_match_heun_discrete.FlowMatchHeunDiscreteScheduler
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("scheduler", SCHEDULERS.split())
def test_waits_fall_and_bits_stay(scheduler: str) -> None:
    cured = cure(lambda texts: load(texts, scheduler), 6, (LOOP.parent,))
    assert cured.after.late == 0, cured.stayed
    assert len(cured.after.sites) <= 4  # the lookup of the first timestep, and what a helper copies once
    assert cured.same_bits
