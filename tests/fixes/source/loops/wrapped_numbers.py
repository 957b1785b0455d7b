"""Numbers that the host knows, wrapped in tensors of every spelling, and sent to the device in each step."""

import numpy as np
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) + t[:, None, None, None] * 1e-3


@torch.no_grad()
def sample(net, x, times, levels, host_sigmas, device):
    b = x.shape[0]
    for i, time in enumerate(times):
        t = torch.tensor([time]).long().to(device).expand(b)
        whole = torch.tensor([time] * b).to(device)
        named = torch.tensor([time], device="cpu").float().to(x.device)
        legacy = torch.Tensor([time]).to(device)
        typed = torch.LongTensor([i]).repeat(b).to(device)
        share = torch.as_tensor(time / 40).expand(b).to(device)
        of_array = torch.from_numpy(np.array([levels[i]])).float().to(device)
        of_number = torch.from_numpy(np.array([time / 3])).to(device, torch.float32)
        other = torch.asarray([time], dtype=torch.float32).to(device)
        filled = torch.full((b,), time).unsqueeze(1).to(device, torch.float32)
        scaled = torch.ones(b, dtype=torch.long).mul(i).type_as(x)
        both = torch.tensor([time, i]).to(device)
        single = torch.tensor(time).reshape(1).to(device)
        nested = torch.tensor([[time]]).to(device)
        listed = torch.tensor([time for _ in range(b)]).to(device)
        entry = host_sigmas[i].repeat(b).to(device)
        part = host_sigmas[i : i + 1].to(x)
        steps = torch.full((b,), time, dtype=torch.long)
        steps = steps.to(device)
        counted = torch.arange(b).add(i).to(device=device, dtype=torch.float32)
        line = torch.linspace(0, 1, b).to(x)
        placed = torch.tensor(time / 40).cuda()
        shown = torch.cos(torch.tensor(time / 40))
        hidden = (b * shown).floor().unsqueeze(0).to(device)
        noise = net(x, t.float() + typed)
        columns = whole + steps + share + filled[:, 0] + scaled + listed + entry + part[0] + counted + line
        row = named + legacy + of_array + of_number + other + single + nested[0] + both.sum() + placed + hidden
        x = x - noise * 0.1 + columns[:, None, None, None] * 1e-4 + row * 1e-5
    return x


def build(device, steps):
    net = Net().to(device)
    times = list(range(39, -1, -40 // steps))[:steps]
    levels = np.linspace(1, 0, steps, dtype=np.float32)
    host_sigmas = torch.linspace(1, 0, steps + 1)

    def run():
        return sample(net, torch.randn(2, 3, 4, 4, device=device), times, levels, host_sigmas, device)

    return net, run
