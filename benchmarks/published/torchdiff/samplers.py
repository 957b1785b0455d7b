# ruff: noqa: E402 - its tokenizer is given before it is imported
"""torchdiff: its DDPM, DDIM, SDE and latent samplers around a small network."""

from __future__ import annotations

import torch
import transformers
from torch import nn

STAND_INS = ("torchvision", "torchmetrics", "pytorch_fid", "lpips", "transformers")
WORDS = {"[pad]": 0, "a": 1, "cat": 2}


class Tokenizer:
    """In place of BERT's, whose words would have to be downloaded."""

    @classmethod
    def from_pretrained(cls, name):
        return cls()

    def __call__(self, prompts, max_length, **_):
        rows = [[WORDS[word] for word in prompt.split()] for prompt in prompts]
        tokens = torch.tensor([row + [0] * (max_length - len(row)) for row in rows])
        return {"input_ids": tokens, "attention_mask": (tokens != 0).long()}


transformers.BertTokenizer = Tokenizer
# isort: split
from torchdiff import (
    AutoencoderLDM,
    DiffusionNetwork,
    ReverseDDIM,
    ReverseDDPM,
    ReverseSDE,
    SampleDDIM,
    SampleDDPM,
    SampleLDM,
    SampleSDE,
    SchedulerDDIM,
    SchedulerDDPM,
    SchedulerSDE,
)


class Network(nn.Module):
    """Images (B, C, 8, 8) and times (B), and a text's embedding or none: images."""

    def __init__(self, channels=3) -> None:
        super().__init__()
        self.image = nn.Conv2d(channels, channels, 3, padding=1)
        self.time = nn.Linear(1, channels)
        self.text = nn.Linear(4, channels)

    def forward(self, x, t, y=None, clip_embeddings=None):
        shift = self.time(t.float()[:, None])
        if y is not None:
            shift = shift + self.text(y.mean(1))
        return (self.image(x) + shift[..., None, None]).tanh()


class Text(nn.Module):
    """Tokens and a mask: an embedding of each token."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(len(WORDS), 4)

    def forward(self, tokens, mask):
        return self.words(tokens).masked_fill(mask[..., None], 0.0)


def setting(sample, *, unet=False, latent=None, **fixed):
    def build(device, steps, batch=2, size=8, text=False, norm_output=True, **given):
        options = {**fixed, **given}
        of_schedule = {"schedule_type", "train_steps", "beta_max", "cosine_s"}
        schedule = {name: value for name, value in options.items() if name in of_schedule}
        step = {name: value for name, value in options.items() if name not in of_schedule}
        kind = latent or sample
        if kind is SampleDDPM:
            reverse = ReverseDDPM(SchedulerDDPM(time_steps=steps, **schedule), **step)
        elif kind is SampleDDIM:
            reverse = ReverseDDIM(SchedulerDDIM(sample_steps=steps, **schedule), **step)
        else:
            reverse = ReverseSDE(SchedulerSDE(**schedule), **step)
        net = network(unet, channels=4 if latent else 3, continuous=kind is SampleSDE)
        common = {"img_size": (size, size), "batch_size": batch, "device": device}
        if text:
            name = "cond_model" if sample is SampleDDPM and "cond_model" in arguments(sample) else "cond_net"
            common |= {name: Text(), "max_token_length": 6}
        if latent:
            names = {SampleDDPM: "ddpm", SampleDDIM: "ddim", SampleSDE: "sde"}
            made = SampleLDM(names[latent], reverse, net, autoencoder(), steps, **common)
        else:
            made = sample(reverse, net, **common)
        made = made.to(torch.device(device))
        call = {"norm_output": norm_output, "save_imgs": False, "conds": ["a cat"] * batch if text else None}
        if sample is SampleSDE:
            call["num_steps"] = steps
        return net, lambda: made(**call)

    return build


def arguments(kind):
    return kind.__init__.__code__.co_varnames


def network(unet, channels, *, continuous):
    if not unet:
        return Network(channels)
    return DiffusionNetwork(
        in_channels=channels,
        down_channels=[8, 8],
        mid_channels=[8, 8],
        up_channels=[8, 8],
        down_sampling=[True],
        time_embed_dim=8,
        y_embed_dim=8,
        num_down_blocks=1,
        num_mid_blocks=1,
        num_up_blocks=1,
        dropout_rate=0.0,
        cont_time=continuous,
    )


def autoencoder():
    return AutoencoderLDM(
        in_channels=3,
        down_channels=[8, 8],
        up_channels=[8, 8],
        out_channels=3,
        dropout_rate=0.0,
        num_heads=1,
        num_groups=8,
        num_layers_per_block=1,
        total_down_sampling_factor=2,
        latent_channels=4,
        num_embeddings=16,
    )


SETTINGS = {
    "DDPM, v": setting(SampleDDPM),
    "DDPM, noise": setting(SampleDDPM, pred_type="noise", var_type="fixed_large"),
    "DDIM": setting(SampleDDIM, pred_type="noise"),
    "DDIM, eta": setting(SampleDDIM, pred_type="v", eta=0.5),
    "SDE, VP": setting(SampleSDE, method="vp"),
    "SDE, VE": setting(SampleSDE, method="ve"),
    "SDE, sub-VP": setting(SampleSDE, method="sub-vp"),
    "SDE, ODE": setting(SampleSDE, method="ode"),
    "DDIM, U-Net": setting(SampleDDIM, unet=True),
    "latent DDPM": setting(SampleLDM, latent=SampleDDPM),
    "latent DDIM": setting(SampleLDM, latent=SampleDDIM),
    "latent SDE": setting(SampleLDM, latent=SampleSDE),
}
COMMON = ({"steps": 3, "batch": 1}, {"norm_output": False, "schedule_type": "cosine"})
OTHERS = {name: (*COMMON, {"text": True, "batch": 3}) for name in SETTINGS}
OTHERS["DDPM, v"] += ({"pred_type": "x0", "clip_out": False, "schedule_type": "sigmoid"},)
OTHERS["DDPM, noise"] += ({"schedule_type": "quadratic", "clip_out": False},)
OTHERS["DDIM"] += ({"eta": 1.0, "train_steps": 100},)
OTHERS["DDIM, eta"] += ({"eta": 0.0, "pred_type": "x0", "schedule_type": "quadratic"},)
OTHERS["SDE, VP"] += ({"pred_type": "score", "beta_max": 5.0},)
OTHERS["DDIM, U-Net"] = (*COMMON, {"eta": 0.3, "size": 16})
