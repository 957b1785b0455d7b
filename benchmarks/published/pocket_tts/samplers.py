"""pocket-tts: its decoding of latents by flows, around its own small network with time conditions."""

from __future__ import annotations

from functools import partial

import torch
from pocket_tts.models.flow_lm import lsd_decode, ot_decode
from pocket_tts.modules.mlp import SimpleMLPAdaLN

STAND_INS = ("pocket_tts.main", "pocket_tts.models.tts_model", "sentencepiece", "soundfile")


def setting(decode, conditions):
    def build(device, steps, batch=2, dtype=torch.float32, temperature=0.7, blocks=1):
        net = SimpleMLPAdaLN(8, 16, 8, 16, blocks, num_time_conds=conditions).to(device, dtype)

        @torch.no_grad()
        def run():
            hidden = torch.randn(batch, 16, device=device, dtype=dtype)
            noise = torch.randn(batch, 8, device=device, dtype=dtype) * temperature**0.5
            return decode(partial(net, hidden), noise, steps)

        return net, run

    return build


SETTINGS = {"LSD": setting(lsd_decode, 2), "flow matching": setting(ot_decode, 1)}
OTHERS = {
    name: ({"steps": 3}, {"steps": 1, "batch": 1}, {"dtype": torch.bfloat16, "temperature": 1.0}, {"blocks": 2})
    for name in SETTINGS
}
