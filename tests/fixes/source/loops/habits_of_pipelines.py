"""Tables that stay on the host while the latents do not, a function asked twice a step, a flag that is handed on."""

import torch
from torch import nn


class Schedule:
    def __init__(self, count, skip):
        self.shares = torch.linspace(0.99, 0.01, count)
        self.levels = (1 / self.shares - 1).sqrt()
        self.log_levels = self.levels.log()
        self.last = torch.tensor(1.0)
        self.skip = skip

    def timestep(self, level):
        log_level = level.log()
        apart = log_level.to(self.log_levels.device) - self.log_levels[:, None]
        return apart.abs().argmin(dim=0).view(level.shape).to(level.device)

    def share(self, t):
        return self.shares[t] if t >= 0 else self.last

    def share_before(self, t):
        before = (t - self.skip).clamp(min=0)
        return torch.where(before.cpu() > 0, self.shares.gather(0, before.cpu()), self.last).to(t.device)


class Step:
    def __init__(self, net, schedule):
        self.net = net
        self.schedule = schedule

    def advanced(self, x, scale, noisy=False, eta=None):
        if eta == 0:
            noisy = False
        if noisy:
            x = x + 0.01 * scale * torch.randn_like(x)
        return x

    def __call__(self, parts, t, t_last=None):
        if t_last is None:
            t_last = t - self.schedule.skip
        ones = torch.ones(parts[0].shape[0], device=parts[0].device)
        parts = [x - 0.1 * self.net(x) * (ones * t * 0.01)[:, None, None, None] for x in parts]
        return [self.advanced(x, scale, noisy=t_last >= 0) for x, scale in zip(parts, (1, 2), strict=True)]


def build(device, steps):
    net = nn.Conv2d(4, 4, 3, padding=1).to(device)
    schedule = Schedule(40, 40 // steps)
    step = Step(net, schedule)

    def run(whole="half"):
        times = torch.arange(steps - 1, -1, -1).to(device) * schedule.skip
        x = torch.randn(2, 4, 8, 8, device=device)
        seen = [x.cpu().detach()]
        if whole == "half":
            seen.append(x.mul(2).cpu().detach())
        with torch.no_grad():
            for i, t in enumerate(times):
                share = schedule.share(t)
                share_before = schedule.share(t - schedule.skip)
                x, other = step([x, x.flip(0)], t)
                x = x * share + other * share_before * 0.5
                x = x * schedule.share_before(torch.stack([t, t]))[:, None, None, None]
                level = schedule.levels[3].to(device) * x.abs().mean()
                x = x + schedule.timestep(level[None])[:, None, None, None] * 1e-3
                apart = schedule.timestep(schedule.levels[i : i + 1] * 0.5).to(device)
                x = x + apart[:, None, None, None] * 1e-3
                seen.append(x.cpu().detach())
        return x, torch.stack(seen)

    return net, run
