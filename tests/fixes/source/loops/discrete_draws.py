"""A picture of a few classes is unmasked step by step: classes are drawn in several spellings."""

import torch
from torch import nn
from torch.distributions import Categorical


class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.embed = nn.Embedding(classes + 1, 8)
        self.head = nn.Linear(8, classes)

    def forward(self, codes, t):
        return self.head(self.embed(codes)) + t * 0.01


def draw(rows):
    return torch.multinomial(rows.flatten(0, -2), 1, replacement=True).view(*rows.shape[:-1])


@torch.no_grad()
def sample(net, codes, steps):
    for i in range(steps):
        weights = torch.softmax(net(codes, i), dim=-1)
        first = draw(weights)
        best, places = weights.topk(3)
        kept = best.reshape(-1, 3)
        second = places.gather(-1, torch.multinomial(kept, num_samples=1).view(*codes.shape, 1))[..., 0]
        third = Categorical(probs=weights).sample()
        dist = Categorical(logits=kept.log())
        fourth = dist.sample().reshape(codes.shape)
        chosen = torch.where(first == second, third, fourth)
        still = codes == net.head.out_features
        codes = torch.where(still & (torch.rand(codes.shape, device=codes.device) < 0.5), chosen, codes)
    return codes, dist.log_prob(fourth.reshape(-1))


def build(device, steps):
    net = Net(5).to(device)
    return net, lambda: sample(net, torch.full((2, 3, 4), 5, device=device), steps)
