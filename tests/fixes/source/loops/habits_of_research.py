"""Habits of research code: types by name, one column in a list, the loop's variable spread under its own name."""

import torch
from torch import nn
from torch.autograd import Variable


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x, t):
        pad = Variable(torch.zeros(x.shape[0], 1, *x.shape[2:])).type(x.type())
        return self.net(x) + t.float().reshape(-1, 1, 1, 1).to(x.device) * 1e-3 + pad.sum()


def lengths_to_mask(lengths, device):
    lengths = torch.tensor(lengths, device=device)
    longest = max(lengths)
    return torch.arange(longest, device=device)[None] < lengths[:, None]


def separated(net, x, t, mixture, source=0):
    x[:, [source], :] = mixture - (x.sum(dim=1, keepdim=True) - x[:, [source], :])
    return net(x, t)


def strongest(x):
    chosen = torch.topk(x.abs().flatten(2), 2, dim=-1).indices
    rows, columns = torch.meshgrid(torch.arange(x.size(0)), torch.arange(x.size(1)), indexing="ij")
    index = (rows.unsqueeze(-1), columns.unsqueeze(-1), chosen)
    return x.flatten(2)[index].mean()


def build(device, steps):
    net = Network().to(device)
    left, right = [0, 1], [2, 3]

    def run():
        levels = torch.linspace(1, 0.1, steps + 1).to(device)
        times = torch.arange(steps)
        x = torch.randn(2, 4, 8, 8, device=device)
        mixture = x.sum(dim=1, keepdim=True)
        kept = []
        with torch.no_grad():
            for i, (level, lower) in enumerate(zip(levels[:-1], levels[1:], strict=True)):  # noqa: RUF007
                step = lower - level
                level = level.repeat(x.shape[0])
                noise = torch.normal(0, 1, size=x.shape).to(device)
                mask = lengths_to_mask([3, 8], device)
                x = x + separated(net, x, times[i], mixture) * step + 0.01 * noise * mask[:, None, None]
                if level[0] > 0.3 and level[0] < 0.9:
                    x = x * 0.5
                x[:, :, :, left + right] = x[:, :, :, right + left]
                x = x + strongest(x)
                kept.append(x.detach().cpu().numpy())
        kept = torch.stack([torch.from_numpy(each) for each in kept])
        return x, kept

    return net, run
