"""phenaki-pytorch: its unmasking of video tokens with its own small transformer, without texts."""

from __future__ import annotations

import copy

import torch
from phenaki_pytorch import CViViT, MaskGit, Phenaki, TokenCritic
from phenaki_pytorch.t5 import T5_CONFIGS
from torch import nn
from transformers import T5Config

STAND_INS = ("phenaki_pytorch.cvivit", "phenaki_pytorch.cvivit_trainer", "phenaki_pytorch.phenaki_trainer")
TOKENS, SIDE = 17, 2
T5_CONFIGS["small"] = {"config": T5Config(d_model=16)}  # where the package keeps a text model's sizes


class Codec(nn.Module, CViViT):
    """Videos (B, 3, T, 2, 2) and tokens of a pixel, in place of its trained autoencoder."""

    def __init__(self) -> None:
        super().__init__()
        self.codes = nn.Embedding(TOKENS, 3)

    def copy_for_eval(self):
        return copy.deepcopy(self).eval()

    def num_tokens_per_frames(self, num_frames, include_first_frame=True):
        return num_frames * SIDE * SIDE

    def get_video_patch_shape(self, num_frames, include_first_frame=True):
        return (num_frames, SIDE, SIDE)

    def decode_from_codebook_indices(self, indices):
        return self.codes(indices).transpose(1, 2).reshape(indices.shape[0], 3, -1, SIDE, SIDE)

    def forward(self, video, return_only_codebook_ids=True):
        return (video.mean(dim=1).sigmoid() * (TOKENS - 1)).long()


def setting(critic=False, **fixed):
    def build(device, steps, batch=2, frames=3, primed=False, with_critic=critic, **given):
        sizes = {"dim": 16, "num_tokens": TOKENS, "max_seq_len": 64, "dim_head": 8, "heads": 2, "depth": 1}
        net = MaskGit(unconditional=True, **sizes)
        judge = TokenCritic(**sizes) if with_critic else None
        asked = {**fixed, **given}
        of_sample = {name: asked.pop(name) for name in ("noise_K", "starting_temperature") if name in asked}
        model = Phenaki(maskgit=net, cvivit=Codec(), critic=judge, steps=steps, t5_name="small", **asked).to(device)

        def run():
            prime = {"prime_frames": torch.randn(batch, 3, 2, SIDE, SIDE, device=device)} if primed else {}
            return model.sample(num_frames=frames, batch_size=batch, cond_scale=1.0, **prime, **of_sample)

        return net.transformer, run  # what each step calls: ``forward_with_cond_scale`` goes past the network itself

    return build


SETTINGS = {
    "unmasking": setting(),
    "unmasking, own critic": setting(self_token_critic=True),
    "unmasking, critic": setting(critic=True),
}
OTHERS = {
    name: (
        {"steps": 3, "starting_temperature": 0.5},
        {"batch": 1, "frames": 1, "noise_K": 2.0},
        {"primed": True, "critic_noise_anneal_schedule": "increase"},
    )
    for name in SETTINGS
}
