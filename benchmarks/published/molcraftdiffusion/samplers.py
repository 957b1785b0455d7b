"""molcraftdiffusion: its E(n) diffusion (DDPM, DDIM), its flow and its DiffLinker, around small networks."""

from __future__ import annotations

import MolecularDiffusion  # noqa: F401 - modules has no __init__ and looks its path up in it
import rdkit.Chem.rdchem.BondType
import rdkit.RDLogger  # noqa: F401 - stand-ins, imported as deep as names are looked up in them
import torch
from MolecularDiffusion.modules.models.difflinker.edm import EDM, InpaintingEDM
from MolecularDiffusion.modules.models.difflinker.egnn import Dynamics
from MolecularDiffusion.modules.models.en_diffusion import EnVariationalDiffusion
from MolecularDiffusion.modules.models.equifm.cnflows import Cnflows
from torch import nn

STAND_INS = ("ase", "torch_scatter", "torch_geometric", "rdkit", "decorator", "matplotlib", "wandb", "sklearn")

TYPES = 4


class Network(nn.Module):
    """Of molecules (B, N, 3 + features) at times (B, 1): noise whose positions are centred."""

    def __init__(self, features):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4 + features, 16), nn.SiLU(), nn.Linear(16, 3 + features))

    def _forward(self, t, x, node_mask, edge_mask, context):
        out = self.layers(torch.cat([x, t[:, None].expand(*x.shape[:2], 1)], -1)) * node_mask
        mean = out[..., :3].sum(1, keepdim=True) / node_mask.sum(1, keepdim=True)
        return torch.cat([out[..., :3] - mean * node_mask, out[..., 3:]], -1)


def masks(sizes, device):
    widest = max(sizes)
    node = (torch.arange(widest) < torch.tensor(sizes)[:, None]).float()
    edge = node[:, None] * node[:, :, None] * (1 - torch.eye(widest))
    return node[..., None].to(device), edge.reshape(-1, 1).to(device)


def molecules(method):
    def build(device, steps, sizes=(4, 5), schedule="polynomial_2", charges=True, fewer=0, norm=1.0, **given):
        net = Network(TYPES + charges)
        made = EnVariationalDiffusion(
            net,
            in_node_nf=TYPES + charges,
            timesteps=steps + fewer,
            noise_schedule=schedule,
            noise_precision=1e-5,
            loss_type="vlb",
            norm_values=(norm, 4.0, 10.0),
            include_charges=charges,
        )
        made = made.to(device).eval()
        node, edge = masks(sizes, device)
        asked = {"n_steps": steps, **given} if method == "sample_ddim" else given

        def run():
            out = getattr(made, method)(len(sizes), max(sizes), node, edge, None, **asked)
            if isinstance(out, torch.Tensor):
                return out
            return [out[0], out[1]["categorical"], out[1]["integer"]]

        return net.layers, run

    return build


def flow(device, steps, sizes=(4, 5), charges=True, path="HB_path", norm=1.0):
    net = Network(TYPES + charges)
    made = Cnflows(
        net,
        in_node_nf=TYPES + charges,
        norm_values=(norm, 4.0, 10.0),
        include_charges=charges,
        discrete_path=path,
    )
    made = made.to(device).eval()
    node, edge = masks(sizes, device)
    return net.layers, lambda: made.sample(len(sizes), max(sizes), node, edge, num_steps=steps)


def linkers(kind, **fixed):
    def build(device, steps, sizes=(5, 6), linker=2, schedule="polynomial_2", context=1, keep=None, **given):
        net = Dynamics(3, TYPES, context, hidden_nf=8, device=device, n_layers=1, inv_sublayers=1, **fixed, **given)
        made = kind(
            net,
            in_node_nf=TYPES,
            n_dims=3,
            timesteps=steps,
            noise_schedule=schedule,
            noise_precision=1e-5,
            norm_values=(1.0, 4.0, 10.0),
        )
        made = made.to(device).eval()
        node, edge = masks(sizes, device)
        fragment = node.clone()
        fragment[:, -linker - 1 :] = 0
        x = torch.randn(len(sizes), max(sizes), 3, device=device) * node
        x = x - (x * fragment).sum(1, keepdim=True) / fragment.sum(1, keepdim=True) * node
        kinds = nn.functional.one_hot(torch.randint(0, TYPES, x.shape[:2], device=device), TYPES) * node

        def run():
            return made.sample_chain(
                x=x,
                h=kinds,
                node_mask=node,
                fragment_mask=fragment,
                linker_mask=node - fragment,
                edge_mask=edge,
                context=fragment.repeat(1, 1, context) if context else None,
                keep_frames=keep,
            )

        return net.dynamics, run

    return build


SETTINGS = {
    "DDIM": molecules("sample_ddim"),
    "chain": molecules("sample_chain"),
    "EquiFM": flow,
    "DiffLinker": linkers(EDM),
    "DiffLinker, inpainting": linkers(InpaintingEDM, centering=True),
}
OTHERS = {
    "DDIM": ({"steps": 3}, {"sizes": (3,), "eta": 0.5}, {"schedule": "learned", "fewer": 4}, {"n_frames": 2}),
    "chain": ({"steps": 3}, {"sizes": (3,), "keep_frames": 2}, {"schedule": "learned"}),
    "EquiFM": ({"steps": 3}, {"sizes": (3,), "path": "OT_path"}, {"path": "VP_path", "norm": 3.0}),
    "DiffLinker": (
        {"steps": 3},
        {"sizes": (5,), "linker": 1, "keep": 2},
        {"schedule": "learned", "context": 0},
        {"attention": True, "tanh": True, "sin_embedding": True},
    ),
    "DiffLinker, inpainting": ({"steps": 3}, {"sizes": (5,), "keep": 2}, {"schedule": "learned"}, {"tanh": True}),
}
