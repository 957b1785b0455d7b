"""mattergen: its predictor-corrector samplers of positions, cells and atomic numbers, with a small score model."""

from __future__ import annotations

from functools import partial

import torch
from mattergen.diffusion.corruption.d3pm_corruption import D3PMCorruption
from mattergen.diffusion.corruption.multi_corruption import MultiCorruption
from mattergen.diffusion.corruption.sde_lib import VESDE, VPSDE
from mattergen.diffusion.d3pm.d3pm import MaskDiffusion, create_discrete_diffusion_schedule
from mattergen.diffusion.d3pm.d3pm_predictors_correctors import D3PMAncestralSamplingPredictor
from mattergen.diffusion.data.batched_data import SimpleBatchedData
from mattergen.diffusion.diffusion_module import DiffusionModule
from mattergen.diffusion.losses import SummedFieldLoss
from mattergen.diffusion.sampling.classifier_free_guidance import GuidedPredictorCorrector
from mattergen.diffusion.sampling.pc_sampler import PredictorCorrector
from mattergen.diffusion.sampling.predictors import AncestralSamplingPredictor
from mattergen.diffusion.sampling.predictors_correctors import LangevinCorrector
from mattergen.diffusion.score_models.base import ScoreModel
from mattergen.diffusion.wrapped.wrapped_predictors_correctors import WrappedAncestralSamplingPredictor
from mattergen.diffusion.wrapped.wrapped_sde import WrappedVESDE
from torch import nn

STAND_INS = ("torch_scatter", "torch_geometric", "pytorch_lightning", "hydra", "pymatgen")

ELEMENTS = 6
TARGETS = {"pos": "score_times_std", "cell": "score_times_std", "atomic_numbers": "logits"}


class Scores(ScoreModel):
    """Crystals with a wished-for property and times (B): scores of positions and cells, logits of elements."""

    def __init__(self):
        super().__init__()
        self.pos, self.cell = nn.Linear(5, 3), nn.Linear(11, 9)
        self.kind, self.logits = nn.Embedding(ELEMENTS + 1, 8), nn.Linear(10, ELEMENTS)

    def forward(self, x, t):
        seen = torch.stack([t, x["property"]], -1)
        owner = x.get_batch_idx("pos")
        positions = self.pos(torch.cat([x["pos"].cos(), seen[owner]], -1))
        cells = self.cell(torch.cat([x["cell"].flatten(1), seen], -1)).reshape(-1, 3, 3)
        kinds = self.logits(torch.cat([self.kind(x["atomic_numbers"].long()), seen[owner]], -1))
        return x.replace(pos=positions, cell=cells, atomic_numbers=kinds)


def crystals(sizes):
    owner = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    data = {
        "pos": torch.rand(len(owner), 3),
        "cell": torch.randn(len(sizes), 3, 3),
        "atomic_numbers": torch.randint(1, ELEMENTS, (len(owner),)),
        "property": torch.randn(len(sizes)),
    }
    return SimpleBatchedData(data, {"pos": owner, "cell": None, "atomic_numbers": owner, "property": None})


def without_property(batch):
    return batch.replace(property=torch.zeros_like(batch["property"]))


def setting(kind=PredictorCorrector, corrected=False, wrapped=True, **fixed):
    def build(device, steps, sizes=(3, 4), inpaint=False, record=False, schedule="standard", **given):
        noise = MaskDiffusion(dim=ELEMENTS, schedule=create_discrete_diffusion_schedule(schedule, num_steps=steps))
        sdes = {"pos": (WrappedVESDE if wrapped else VESDE)(sigma_max=5.0), "cell": VPSDE()}
        corruption = MultiCorruption(sdes=sdes, discrete_corruptions={"atomic_numbers": D3PMCorruption(noise, 1)})
        module = DiffusionModule(Scores(), corruption, SummedFieldLoss({}, TARGETS)).to(device)
        positions = WrappedAncestralSamplingPredictor if wrapped else AncestralSamplingPredictor
        sampler = kind(
            diffusion_module=module,
            predictor_partials={
                "pos": positions,
                "cell": AncestralSamplingPredictor,
                "atomic_numbers": partial(D3PMAncestralSamplingPredictor, predict_x0=True),
            },
            corrector_partials={"cell": partial(LangevinCorrector, snr=0.2, max_step_size=1e6)} if corrected else {},
            device=torch.device(device),
            N=steps,
            **{"n_steps_corrector": 1, "eps_t": 1 / steps, **fixed, **given},
        )
        wished = crystals(sizes)
        mask = {"pos": (torch.arange(sum(sizes)) % 2)[:, None].float().expand(-1, 3).clone()} if inpaint else None

        def run():
            made = (sampler.sample_with_record if record else sampler.sample)(wished.clone(), mask)
            return [batch[name] for batch in made[:2] for name in TARGETS]

        return module.model, run

    return build


GUIDED = {"guidance_scale": 2.0, "remove_conditioning_fn": without_property}
SETTINGS = {
    "predictor": setting(),
    "predictor, not wrapped": setting(wrapped=False),
    "predictor, corrector": setting(corrected=True),
    "guided": setting(GuidedPredictorCorrector, corrected=True, **GUIDED),
}
MANNERS = ({"steps": 3}, {"sizes": (2,), "inpaint": True}, {"record": True, "eps_t": 1e-3}, {"max_t": 0.9})
OTHERS = dict.fromkeys(SETTINGS, MANNERS) | {
    "predictor, corrector": ({"steps": 3, "n_steps_corrector": 2}, *MANNERS[1:]),
    "guided": ({"steps": 3, "guidance_scale": 0.0}, {"guidance_scale": 1.0}, *MANNERS[1:3]),
}
