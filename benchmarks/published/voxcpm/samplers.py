"""voxcpm: its flow matching with the guidance CFG-zero*, around its own small local transformers."""

from __future__ import annotations

import torch
from torch import nn
from voxcpm.modules.locdit import CfmConfig, UnifiedCFM, VoxCPMLocDiT, VoxCPMLocDiTV2
from voxcpm.modules.minicpm4 import MiniCPM4Config

STAND_INS = ("torchaudio", "librosa", "soundfile", "wetext", "inflect", "modelscope", "funasr", "regex", "safetensors")


class Network(nn.Module):
    """Patches (N, 8, T), a hidden embedding, times, prefixes and time differences: the same shape."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv1d(8, 8, 3, padding=1)
        self.hidden = nn.Linear(16, 8)
        self.time = nn.Linear(2, 8)

    def forward(self, x, mu, t, cond, dt):
        added = self.hidden(mu) + self.time(torch.stack([t, dt], dim=-1)) + cond.mean(dim=-1)
        return self.patch(x) + added[..., None]


def transformer(kind):
    config = MiniCPM4Config(
        bos_token_id=1,
        eos_token_id=2,
        hidden_size=16,
        intermediate_size=32,
        max_position_embeddings=64,
        num_attention_heads=2,
        num_hidden_layers=1,
        num_key_value_heads=2,
        rms_norm_eps=1e-5,
        rope_scaling={
            "type": "longrope",
            "long_factor": [1.0] * 4,
            "short_factor": [1.0] * 4,
            "original_max_position_embeddings": 64,
        },
        vocab_size=0,
        use_mup=False,
        scale_emb=1,
        dim_model_base=16,
        scale_depth=1.0,
        rope_theta=10000.0,
    )
    return kind(config, in_channels=8)


def setting(network, mean_mode=False, **fixed):
    def build(device, steps, batch=2, prefix=3, dtype=torch.float32, **given):
        net = network().to(device, dtype)
        cfm = UnifiedCFM(8, CfmConfig(), net, mean_mode=mean_mode).to(device, dtype)
        asked = {"cfg_value": 2.0, **fixed, **given}

        def run():
            mu = torch.randn(batch, 16, device=device, dtype=dtype)
            cond = torch.randn(batch, 8, prefix, device=device, dtype=dtype)
            return cfm(mu=mu, n_timesteps=steps, patch_size=4, cond=cond, **asked)

        return net, run

    return build


SETTINGS = {
    "CFM": setting(Network),
    "CFM, mean mode": setting(Network, mean_mode=True),
    "CFM, no zero star": setting(Network, use_cfg_zero_star=False),
    "CFM, LocDiT": setting(lambda: transformer(VoxCPMLocDiT)),
    "CFM, LocDiT of 2": setting(lambda: transformer(VoxCPMLocDiTV2)),
}
USUAL = (
    {"steps": 3},
    {"batch": 1, "cfg_value": 1.0, "sway_sampling_coef": 0.0},
    {"steps": 60, "temperature": 0.5},
    {"use_cfg_zero_star": False, "prefix": 1, "dtype": torch.bfloat16},
)
OTHERS = dict.fromkeys(SETTINGS, USUAL) | {
    "CFM, no zero star": (*USUAL[:3], {"use_cfg_zero_star": True, "dtype": torch.bfloat16}),
}
