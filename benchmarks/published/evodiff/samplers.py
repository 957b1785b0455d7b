"""evodiff: its order-agnostic, D3PM, inpainting and alignment samplers of proteins around small networks."""

from __future__ import annotations

import numpy as np
import sequence_models.constants as letters
import torch
from torch import nn

STAND_INS = ("sequence_models", "sklearn", "Bio", "esm", "pkg_resources", "matplotlib", "seaborn", "biotite")

# The alphabet of sequence_models, which is not installed and which evodiff reads while it is imported.
letters.CAN_AAS, letters.AMB_AAS, letters.OTHER_AAS = "ACDEFGHIKLMNPQRSTVWY", "BZX", "JOU"
letters.ALL_AAS = letters.CAN_AAS + letters.AMB_AAS + letters.OTHER_AAS
letters.STOP, letters.GAP, letters.MASK, letters.START, letters.MSA_PAD, letters.SEP = "*-#@!/"
letters.PAD = letters.MSA_PAD
letters.PROTEIN_ALPHABET = letters.ALL_AAS + letters.STOP + letters.GAP + letters.MASK + letters.START
letters.MSA_AAS = letters.ALL_AAS + letters.GAP
letters.MSA_ALPHABET = letters.MSA_AAS + letters.STOP + letters.MASK + letters.START + letters.MSA_PAD + letters.SEP
letters.AAINDEX_ALPHABET = letters.trR_ALPHABET = letters.PROTEIN_ALPHABET

from evodiff.conditional_generation import inpaint_simple  # noqa: E402
from evodiff.generate import generate_d3pm, generate_oaardm, generate_oaardm_order_opt  # noqa: E402
from evodiff.generate_msa import generate_msa  # noqa: E402
from evodiff.utils import Tokenizer  # noqa: E402


class Network(nn.Module):
    """Tokens (..., L) and perhaps times (B): logits."""

    def __init__(self):
        super().__init__()
        size = len(letters.MSA_ALPHABET)
        self.embed, self.time, self.out = nn.Embedding(size, 8), nn.Linear(1, 8), nn.Linear(8, size)

    def forward(self, tokens, t=None):
        seen = self.embed(tokens)
        seen = seen + seen.mean(-2, keepdim=True)
        if t is not None:
            seen = seen + self.time(t.float()[:, None])[:, None]
        return self.out(seen)


def orders(generate):
    def build(device, steps, batch=2, penalty=None):
        net, tokenizer = Network().to(device), Tokenizer()
        return net, lambda: generate(net, tokenizer, steps, penalty=penalty, batch_size=batch, device=device)[0]

    return build


def d3pm(device, steps, batch=2, length=6, sequences=True, kind="sohl-dickstein"):
    net, tokenizer = Network().to(device), Tokenizer(sequences=sequences)
    products, matrices = tokenizer.q_random_schedule(timesteps=steps + 1, schedule=kind)
    asked = {"batch_size": batch, "device": device}
    return net, lambda: generate_d3pm(net, tokenizer, matrices, products, steps + 1, length, **asked)[0]


def inpainted(device, steps, length=8, start=2):
    net = Network().to(device)
    sequence = "".join(np.array(list(letters.CAN_AAS))[torch.randint(0, 20, (start + steps + length,)).numpy()])
    return net, lambda: inpaint_simple(net, sequence, start, start + steps, tokenizer=Tokenizer(), device=device)[0]


def aligned(device, steps, batch=1, rows=1, penalty=2):
    net, tokenizer = Network().to(device), Tokenizer()
    asked = {"penalty_value": penalty, "device": device}
    return net, lambda: generate_msa(net, tokenizer, batch, rows, steps, **asked)[0]


SETTINGS = {
    "order agnostic": orders(generate_oaardm),
    "most probable first": orders(generate_oaardm_order_opt),
    "D3PM": d3pm,
    "inpainting": inpainted,
    "alignment": aligned,
}
OTHERS = {
    "order agnostic": ({"steps": 3}, {"batch": 1}, {"penalty": 1.5, "batch": 3}),
    "most probable first": ({"steps": 3, "batch": 1}, {"batch": 1}),
    "D3PM": ({"steps": 3}, {"batch": 1, "length": 4}, {"sequences": False}),
    "inpainting": ({"steps": 3}, {"start": 0}, {"length": 4, "start": 5}),
    "alignment": ({"steps": 3}, {"batch": 2, "rows": 2}, {"penalty": 0}),
}
