"""A unified predictor-corrector: coefficients of a small linear system collected in lists, and solved in each step."""

import torch
from torch import nn


def update(lambdas, history, x, i, order, device):
    h = lambdas[i + 1] - lambdas[i]
    rks = []
    for back in range(1, order):
        rks.append((lambdas[i - back] - lambdas[i]) / h)
    rks.append(1.0)
    rks = torch.tensor(rks, device=device)
    hh = -h
    h_phi_1 = torch.expm1(hh)
    b, rows = [], []
    factor = 1
    h_phi_k = h_phi_1 / hh - 1
    for k in range(1, order + 1):
        rows.append(torch.pow(rks, k - 1))
        b.append(h_phi_k * factor / h_phi_1)
        factor *= k + 1
        h_phi_k = h_phi_k / hh - 1 / factor
    rows = torch.stack(rows)
    b = torch.tensor(b, device=device)
    rhos = torch.linalg.solve(rows, b) if order > 1 else torch.tensor([0.5], device=device)
    x = torch.exp(-h) * x - h_phi_1 * history[-1]
    for rho, old in zip(rhos, history, strict=False):
        x = x - 0.01 * rho * old
    return x


@torch.no_grad()
def sample(model, x, lambdas, device):
    history = []
    for i in range(len(lambdas) - 1):
        history = [*history, model(x, lambdas[i])][-2:]
        x = update(lambdas, history, x, i, min(2, i + 1), device)
    return x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) * torch.tanh(t)


def build(device, steps):
    net = Net().to(device)
    lambdas = torch.linspace(-2.0, 2.0, steps + 1, device=device)
    return net, lambda: sample(net, torch.randn(1, 3, 4, 4, device=device), lambdas, device)
