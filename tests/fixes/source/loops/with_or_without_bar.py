"""Times that are run through with a progress bar or without one, and a scheduler that computes the time before."""

import torch
from torch import nn
from tqdm.auto import tqdm


class Scheduler:
    def __init__(self, trained):
        self.config = {"trained": trained}
        self.alphas = torch.linspace(0.99, 0.1, trained)
        self.last_alpha = torch.tensor(1.0)

    def set_times(self, steps, device):
        self.steps = steps
        self.times = torch.arange(self.config["trained"] - 1, -1, -self.config["trained"] // steps, device=device)

    def step(self, noise, t, x):
        before = t - self.config["trained"] // self.steps
        alpha = self.alphas[t]
        alpha_before = self.alphas[before] if before >= 0 else self.last_alpha
        clean = (x - (1 - alpha) ** 0.5 * noise) / alpha**0.5
        return alpha_before**0.5 * clean + (1 - alpha_before) ** 0.5 * noise


class Pipeline:
    def __init__(self, net):
        self.net = net
        self.scheduler = Scheduler(100)

    @torch.no_grad()
    def __call__(self, x, steps, bar=False):
        self.scheduler.set_times(steps, x.device)
        times = self.scheduler.times
        if bar:
            print("denoising")
            items = tqdm(enumerate(times), total=len(times))
        else:
            items = enumerate(times)
        for _, t in items:
            x = self.scheduler.step(self.net(x, t), t, x)
        return x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) + t * 1e-3


def build(device, steps):
    net = Net().to(device)
    pipeline = Pipeline(net)

    def run():
        return pipeline(torch.randn(2, 3, 4, 4, device=device), steps)

    return net, run
