"""protenix: its diffusion sampler around a small denoiser, with and without its training-free guidance."""

from __future__ import annotations

import torch
from protenix.model.generator import InferenceNoiseScheduler, sample_diffusion
from torch import nn

STAND_INS = ("optree", "rdkit", "biotite", "ml_collections")

ATOMS, TOKENS = 16, 4
TERMS = {
    "VinaStericPotential": {"interval": 1, "weight": 0.1, "buffer": 0.225},
    "ExperimentalTorsionPotential": {"interval": 1, "weight": 0.0015},
    "InterchainBondPotential": {"interval": 1, "weight": 0.15, "buffer": 2.0},
    "PairwiseDistancePotential": {
        "interval": 1,
        "weight": 0.5,
        "enable_projection": True,
        "bond_buffer": 0.0,
        "angle_buffer": 0.0,
        "clash_buffer": 0.0,
    },
    "ChiralAtomPotential": {"interval": 1, "weight": 0.0, "enable_projection": True, "buffer": 0.6155},
    "StereoBondPotential": {"interval": 1, "weight": 0.25, "buffer": 0.5236},
    "PlanarImproperPotential": {"interval": 1, "weight": 0.12},
    "LinearBondPotential": {"interval": 1, "weight": 0.25, "buffer": 0.0873},
}
GUIDANCE = {
    "enable": True,
    "log_last_step_energy": True,
    "rho": 0.0,
    "mu": 0.1,
    "mc": {"std": 0.0, "batch": 1},
    "steps": {"tfg_outer": 1, "tfg_inner": 2, "projection_outer": 1, "projection_inner": 2},
    "terms": TERMS,
}


class Denoiser(nn.Module):
    """Called as protenix's DiffusionModule is: noisy positions (..., N_sample, N_atom, 3) and noise levels."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(12, 8), nn.SiLU(), nn.Linear(8, 3))

    def forward(self, x_noisy, t_hat_noise_level, input_feature_dict, s_trunk, **_):
        atoms = s_trunk[..., input_feature_dict["atom_to_token_idx"], :]
        level = (t_hat_noise_level / 16)[..., None, None]
        scaled = x_noisy / (16 * torch.sqrt(level**2 + 1))
        given = [scaled, level.expand(*x_noisy.shape[:-1], 1), atoms.expand(*x_noisy.shape[:-1], 8)]
        return x_noisy / (level**2 + 1) + 16 * level / torch.sqrt(level**2 + 1) * self.layers(torch.cat(given, -1))


def features(device):
    """Two chains of two tokens, four atoms a token."""
    pairs = torch.combinations(torch.arange(4)).T
    feats = {
        "atom_to_token_idx": torch.arange(ATOMS) // (ATOMS // TOKENS),
        "asym_id": torch.tensor([0, 0, 1, 1]),
        "ref_element": nn.functional.one_hot(torch.randint(5, 8, (ATOMS,)), 128),
        "interchain_bond_index": torch.tensor([[7], [8]]),
        "pairwise_distance_index": torch.cat([pairs, pairs + 8], 1),
        "pairwise_distance_lower_bound": torch.full((12,), 1.2),
        "pairwise_distance_upper_bound": torch.full((12,), 1.7),
        "pairwise_distance_is_bond": torch.arange(12) % 3 == 0,
        "pairwise_distance_is_angle": torch.arange(12) % 4 == 0,
        "chiral_index": torch.tensor([[0, 8], [1, 9], [2, 10], [3, 11]]),
        "chiral_orientation": torch.tensor([1.0, -1.0]),
        "stereo_bond_index": torch.tensor([[4, 12], [5, 13], [6, 14], [7, 15]]),
        "stereo_bond_orientation": torch.tensor([1.0, 0.0]),
        "planar_improper_index": torch.tensor([[0], [1], [2], [3]]),
        "planar_improper_is_carbonyl": torch.tensor([True]),
        "linear_triple_bond_index": torch.tensor([[4], [5], [6]]),
        "experimental_torsion_index": torch.tensor([[8], [9], [10], [11]]),
        "experimental_torsion_force_constant": torch.rand(1, 6),
        "experimental_torsion_sign": torch.ones(1, 6),
    }
    return {name: each.to(device) for name, each in feats.items()}


def setting(guidance=None):
    def build(device, steps, samples=2, batch=(), guided=None, dtype=torch.float32, **given):
        net = Denoiser().to(device, dtype)
        schedule = InferenceNoiseScheduler()(N_step=steps, device=device, dtype=dtype)
        feats = features(device)
        single = torch.randn(*batch, TOKENS, 8, device=device, dtype=dtype)
        pair = torch.randn(*batch, TOKENS, TOKENS, 8, device=device, dtype=dtype)
        configured = {**guidance, **(guided or {})} if guidance else None

        def run():
            with torch.no_grad():
                return sample_diffusion(
                    denoise_net=net,
                    input_feature_dict=feats,
                    s_inputs=single,
                    s_trunk=single,
                    z_trunk=pair,
                    pair_z=pair,
                    p_lm=None,
                    c_l=None,
                    noise_schedule=schedule,
                    N_sample=samples,
                    guidance_configs=configured,
                    **given,
                )

        return net, run

    return build


SETTINGS = {
    "plain": setting(),
    "guided": setting(GUIDANCE),
    "guided through the denoiser": setting({**GUIDANCE, "rho": 0.1}),
}
SCALES = {"gamma0": 0.0, "step_scale_eta": 1.0, "noise_scale_lambda": 1.0}
OTHERS = {
    "plain": ({"steps": 3}, {"samples": 3, "diffusion_chunk_size": 2}, {"batch": (2,), "dtype": torch.float64}, SCALES),
    "guided": (
        {"steps": 3},
        {"samples": 3, "diffusion_chunk_size": 2},
        {"samples": 1, "guided": {"mc": {"std": 0.1, "batch": 2}, "log_last_step_energy": False}},
        SCALES,
    ),
    "guided through the denoiser": (
        {"steps": 3},
        {"samples": 1, "guided": {"mc": {"std": 0.1, "batch": 3}, "mu": 0.0}},
        {"guided": {"terms": {"InterchainBondPotential": {"interval": 1, "weight": 0.5, "buffer": 1.0}}}},
    ),
}
