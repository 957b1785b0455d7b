"""Points that move those within reach of them: edges that a mask selects, made before the loop or in the step."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.weigh = nn.Linear(1, 1)

    def forward(self, lengths, t):
        return torch.tanh(self.weigh(lengths[:, None])).squeeze(1) + 0.01 * t


def forces(net, points, edges, near, t):
    start, end = edges[:, near]
    between = points[end] - points[start]
    strength = net(between.norm(dim=1), t)
    return torch.zeros_like(points).index_add(0, start, strength[:, None] * between)


@torch.no_grad()
def sample(net, points, edges, reach, held, steps):
    lengths = (points[edges[1]] - points[edges[0]]).norm(dim=1)
    near = lengths < reach
    moved = torch.zeros(len(edges[0]), device=points.device)
    for t in range(steps):
        points = points + 0.1 * forces(net, points, edges, near, t)
        heavy = held > 0.5
        moved[near] += torch.relu(lengths[near])
        points[~heavy] = torch.tanh(points[~heavy])
        points[heavy, 1] = points[heavy, 0].cos()
    return points, moved


def build(device, steps):
    net = Net().to(device)
    points, held = torch.rand(6, 3), torch.rand(6)
    edges = torch.combinations(torch.arange(6)).T
    given = [each.to(device) for each in (points, edges, held)]
    return net, lambda: sample(net, given[0].clone(), given[1], 0.8, given[2], steps)
