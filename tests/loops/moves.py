"""A loop that moves tensors of every origin to the device: its lines say which were made on the host, and by what."""

import numpy as np
import torch

import sdprof


@sdprof.target("moves", summary="Tensors of every origin")
def build(options: sdprof.BuildOptions) -> sdprof.Workload:
    torch.manual_seed(0)
    device = options.device
    model = torch.nn.Conv2d(3, 3, 3, padding=1).to(device).eval()
    offsets = torch.tensor([0.5, 0.25, 0.125])
    table = np.linspace(0, 1, 12, dtype=np.float32)

    @torch.no_grad()
    def run() -> torch.Tensor:
        x = torch.randn(1, 3, 8, 8).to(device)
        kept = torch.zeros(3)
        for step in range(options.steps or 4):
            x = model(x)
            x = x + torch.randn(1, 3, 8, 8).to(device) * 0.01  # made by aten::randn
            scale = torch.exp(-torch.arange(3) / 3).to(device)  # made by aten::arange
            bias = torch.tensor([0.1, 0.2, 0.3], device=device)  # made by aten::lift_fresh
            row = torch.from_numpy(table[step : step + 3]).to(device)  # from data
            shift = (torch.arange(3) * offsets).to(device)  # from data
            before = kept.to(device)  # from data
            kept = torch.full((3,), 0.1 * step)
            x = x * (1 + (scale + bias + row + shift + before)[None, :, None, None] * 0.001)
        return x

    return sdprof.Workload(run=run, hot_modules={"model": model}, settings=options)
