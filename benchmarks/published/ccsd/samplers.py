"""ccsd: its predictor-corrector and S4 samplers of graphs and of combinatorial complexes, around small scores."""

from __future__ import annotations

import rdkit.Chem.rdchem.BondType
import rdkit.RDLogger  # noqa: F401 - stand-ins, imported as deep as ccsd looks names up in them
import torch
from ccsd.src.sde import VESDE, VPSDE, subVPSDE
from ccsd.src.solver import S4_solver, get_pc_sampler
from ccsd.src.utils.cc_utils import get_rank2_dim
from torch import nn

STAND_INS = ("rdkit", "toponetx", "easydict", "pyemd", "sklearn", "hypernetx", "matplotlib", "wandb", "dill", "joblib")

NODES, FEATURES, SMALLEST, LARGEST = 4, 3, 3, 3
KINDS = {"VP": VPSDE, "VE": VESDE, "sub-VP": subVPSDE}


class Score(nn.Module):
    """Of one part of node features, adjacency and perhaps rank-2 cells, masked by the flags of the nodes."""

    def __init__(self, part):
        super().__init__()
        self.part, self.nodes, self.cells = part, nn.Linear(FEATURES, FEATURES), nn.Linear(4, 4)
        self.scale = nn.Parameter(torch.full((), 0.5))

    def forward(self, x, adj, *others):
        flags = others[-1]
        if self.part == "x":
            return self.nodes(adj @ x) * flags[..., None]
        if self.part == "adj":
            seen = torch.tanh(x @ x.transpose(1, 2)) + self.scale * adj
            return seen * flags[:, None] * flags[..., None]
        return self.cells(others[0]) * self.scale


def setting(solver, kind_x="VP", kind_adj="VP", complexes=False, **fixed):
    def build(device, steps, batch=2, missing=1, node_kind=kind_x, edge_kind=kind_adj, **given):
        limits = {"beta_min": 0.1, "beta_max": 1.0}
        sdes = [KINDS[kind](N=steps, **(limits if "VP" in kind else {})) for kind in (node_kind, edge_kind, "VP")]
        nets = [Score(part).to(device) for part in ("x", "adj", "rank2")]
        flags = (torch.arange(NODES) < NODES - missing).float().repeat(batch, 1).to(device)
        asked = {"continuous": True, "snr": 0.2, "scale_eps": 0.7, **fixed, **given}
        if complexes:
            shape = (batch, *get_rank2_dim(NODES, SMALLEST, LARGEST))
            asked |= {"is_cc": True, "sde_rank2": sdes[2], "shape_rank2": shape, "d_min": SMALLEST, "d_max": LARGEST}
        shapes = {"shape_x": (batch, NODES, FEATURES), "shape_adj": (batch, NODES, NODES)}
        sampler = solver(sde_x=sdes[0], sde_adj=sdes[1], **shapes, device=device, **asked)
        parts = 3 if complexes else 2
        return nets[0], lambda: sampler(*nets[:parts], flags)[:parts]

    return build


SETTINGS = {
    "Euler": setting(get_pc_sampler, predictor="Euler", corrector="None"),
    "Euler, Langevin": setting(get_pc_sampler, kind_adj="VE", predictor="Euler", corrector="Langevin"),
    "reverse, Langevin": setting(get_pc_sampler, predictor="Reverse", corrector="Langevin"),
    "S4": setting(S4_solver, kind_adj="VE"),
    "complexes, reverse, Langevin": setting(get_pc_sampler, complexes=True, predictor="Reverse", corrector="Langevin"),
    "complexes, S4": setting(S4_solver, complexes=True),
}


def others(name):
    """Other callers; its Euler predictor has no probability flow."""
    flow = {"probability_flow": True} if "reverse" in name else {"scale_eps": 1.0}
    kinds = {"node_kind": "VE" if "Langevin" in name or "S4" in name else "sub-VP", "edge_kind": "VP"}
    return ({"steps": 3, "denoise": False}, {"batch": 1, "missing": 0}, {**flow, "n_steps": 2, "missing": 2}, kinds)


OTHERS = {name: others(name) for name in SETTINGS}
