"""boltz: the samplers of Boltz-1 and Boltz-2 around small score models, on made-up features of two chains."""

from __future__ import annotations

import torch
from boltz.model.modules import diffusion, diffusionv2
from boltz.model.modules.diffusion_conditioning import DiffusionConditioning

STAND_INS = ("fairscale", "rdkit", "pytorch_lightning", "mashumaro", "einx")

ATOMS, TOKENS = 16, 4
WIDTHS = {"token_s": 8, "atom_s": 8, "atoms_per_window_queries": 8, "atoms_per_window_keys": 16}
DEPTHS = {
    "atom_encoder_depth": 1,
    "atom_encoder_heads": 2,
    "token_transformer_depth": 1,
    "token_transformer_heads": 2,
    "atom_decoder_depth": 1,
    "atom_decoder_heads": 2,
}
STEERING = {
    "fk_steering": False,
    "num_particles": 3,
    "fk_lambda": 4.0,
    "fk_resampling_interval": 3,
    "physical_guidance_update": False,
    "contact_guidance_update": False,
    "num_gd_steps": 4,
}


def features(device, padding):
    """Two equal chains of two tokens, four atoms a token, the last atoms padded."""
    owner = torch.arange(ATOMS) // (ATOMS // TOKENS)
    mask = torch.ones(1, ATOMS)
    mask[:, ATOMS - padding :] = 0
    pairs = torch.combinations(torch.arange(4)).T
    feats = {
        "ref_pos": torch.randn(1, ATOMS, 3),
        "ref_charge": torch.zeros(1, ATOMS),
        "ref_element": torch.nn.functional.one_hot(torch.randint(6, 9, (1, ATOMS)), 128).float(),
        "ref_atom_name_chars": torch.zeros(1, ATOMS, 4, 64),
        "ref_space_uid": owner[None],
        "atom_pad_mask": mask,
        "atom_to_token": torch.nn.functional.one_hot(owner, TOKENS)[None].float(),
        "token_pad_mask": torch.ones(1, TOKENS),
        "token_index": torch.arange(TOKENS)[None],
        "asym_id": torch.tensor([[0, 0, 1, 1]]),
        "symmetric_chain_index": torch.tensor([[[0], [1]]]),
        "connected_chain_index": torch.zeros(1, 2, 0, dtype=torch.long),
        "connected_atom_index": torch.tensor([[[3], [4]]]),
        "rdkit_bounds_index": pairs[None],
        "rdkit_lower_bounds": torch.full((1, 6), 1.2),
        "rdkit_upper_bounds": torch.full((1, 6), 1.6),
        "rdkit_bounds_bond_mask": torch.tensor([[True, False, False, True, False, True]]),
        "rdkit_bounds_angle_mask": torch.tensor([[False, True, False, False, True, False]]),
        "stereo_bond_index": torch.tensor([[[0], [1], [2], [3]]]),
        "stereo_bond_orientations": torch.tensor([[True]]),
        "chiral_atom_index": torch.tensor([[[4, 8], [5, 9], [6, 10], [7, 11]]]),
        "chiral_atom_orientations": torch.tensor([[True, False]]),
        "planar_bond_index": torch.arange(6).reshape(1, 6, 1),
        "contact_pair_index": torch.tensor([[[1, 2], [9, 10]]]),
        "contact_union_index": torch.tensor([[0, 0]]),
        "contact_negation_mask": torch.tensor([[True, True]]),
        "contact_thresholds": torch.full((1, 2), 4.0),
    }
    return {name: each.to(device) for name, each in feats.items()}


def conditions(device, inputs=8):
    given = torch.randn(1, TOKENS, inputs, device=device)
    return {"s_inputs": given, "s_trunk": torch.randn(1, TOKENS, 8, device=device)}


def first(align=True, cached=True, accumulate=False, **steered):
    def build(device, steps, samples=2, parallel=2, padding=2, **given):
        width = {**WIDTHS, "token_z": 8, "atom_z": 8, "sigma_data": 16, "dim_fourier": 8, "atom_feature_dim": 389}
        model = diffusion.AtomDiffusion(
            {**width, **DEPTHS},
            alignment_reverse_diff=align,
            use_inference_model_cache=cached,
            accumulate_token_repr=accumulate,
            **{"synchronize_sigmas": True, **given},
        )
        model = model.to(device).eval()
        feats = features(device, padding)
        pairs = torch.randn(2, 1, TOKENS, TOKENS, 8, device=device)

        def run():
            with torch.no_grad():
                return model.sample(
                    **conditions(device, inputs=79),
                    z_trunk=pairs[0],
                    relative_position_encoding=pairs[1],
                    feats=feats,
                    num_sampling_steps=steps,
                    atom_mask=feats["atom_pad_mask"],
                    multiplicity=samples,
                    max_parallel_samples=parallel,
                    steering_args={**STEERING, **steered} if steered else None,
                )["sample_atom_coords"]

        return model.score_model, run

    return build


def second(align=True, **steered):
    def build(device, steps, samples=2, parallel=None, padding=2, **given):
        width = {**WIDTHS, "sigma_data": 16, "dim_fourier": 8}
        model = diffusionv2.AtomDiffusion({**width, **DEPTHS}, alignment_reverse_diff=align, **given).to(device).eval()
        conditioning = DiffusionConditioning(**WIDTHS, **DEPTHS, token_z=8, atom_z=8, atom_feature_dim=388).to(device)
        feats = features(device, padding)
        pairs = torch.randn(2, 1, TOKENS, TOKENS, 8, device=device)

        def run():
            with torch.no_grad():
                given = conditions(device)
                made = conditioning(given["s_trunk"], pairs[0], pairs[1], feats)
                names = ("q", "c", "to_keys", "atom_enc_bias", "atom_dec_bias", "token_trans_bias")
                return model.sample(
                    **given,
                    feats=feats,
                    num_sampling_steps=steps,
                    atom_mask=feats["atom_pad_mask"],
                    multiplicity=samples,
                    max_parallel_samples=parallel,
                    steering_args={**STEERING, **steered},
                    diffusion_conditioning=dict(zip(names, made, strict=True)),
                )["sample_atom_coords"]

        return model.score_model, run

    return build


POTENTIALS = {"fk_steering": True, "physical_guidance_update": True}
SETTINGS = {
    "Boltz-1": first(),
    "Boltz-1, no alignment": first(align=False, cached=False),
    "Boltz-1, token representations": first(accumulate=True),
    "Boltz-1, potentials": first(**POTENTIALS),
    "Boltz-2": second(),
    "Boltz-2, contact guidance": second(contact_guidance_update=True),
    "Boltz-2, particles": second(fk_steering=True),
    "Boltz-2, potentials": second(contact_guidance_update=True, **POTENTIALS),
}


def others(parallel):
    """Other callers; Boltz-1's cache serves chunks of one size only."""
    manners = ({"steps": 3}, {"samples": 3, "parallel": parallel}, {"samples": 1, "parallel": 1, "padding": 0})
    return (*manners, {"gamma_0": 0.4, "step_scale": 1.0})


OTHERS = {name: others(2 if "Boltz-2" in name else 3) for name in SETTINGS}
