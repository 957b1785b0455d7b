"""Conditioning in dictionaries, joined key by key in a method that each step calls."""

import torch
from torch import nn


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(8, 8)

    def forward(self, x, t, c_crossattn, c_concat):
        context = torch.cat(c_crossattn, 1) if len(c_crossattn) > 1 else c_crossattn[0]
        return self.mix(x + c_concat[0]) + context.mean(dim=1) * t.view(-1, 1)


class Guided:
    def __init__(self, model, scale):
        self.model, self.scale = model, scale

    def predict(self, x, t, cond, uncond):
        c_in = {}
        for k in cond:
            c_in[k] = [torch.cat([uncond[k][i], cond[k][i]]) for i in range(len(cond[k]))]
        without, prompted = self.model(torch.cat([x] * 2), t, **c_in).chunk(2)
        return without + self.scale * (prompted - without)

    def predict_with_hint(self, x, t, cond, hint):
        shape = {"c_concat": [hint.repeat(x.shape[0], 1)], "c_crossattn": cond["c_crossattn"]}
        return self.model(x, t, **shape)


@torch.no_grad()
def sample(guided, x, cond, uncond, hint, steps):
    for i in range(steps):
        t = torch.full((1,), i, device=x.device)
        x = x - 0.1 * guided.predict(x, t, cond, uncond) - 0.1 * guided.predict_with_hint(x, t, cond, hint)
    return x


def build(device, steps):
    torch.manual_seed(0)
    model = Denoiser().to(device)

    def conditioning():
        return {
            "c_crossattn": [torch.randn(600, 4, 8, device=device)[:, :1]],
            "c_concat": [torch.randn(600, 8, device=device)],
        }

    x, cond, uncond = torch.randn(600, 8, device=device), conditioning(), conditioning()
    hint = torch.randn(1, 8, device=device)
    return model, lambda: sample(Guided(model, 3.0), x, cond, uncond, hint, steps)
