"""A small denoiser with the usual faults: what a user's single-file target looks like before it is cured."""

import torch

import sdprof


class Denoiser(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inward = torch.nn.Conv2d(4, 8, 3, padding=1)
        self.time = torch.nn.Linear(8, 8)
        self.outward = torch.nn.Conv2d(8, 4, 3, padding=1)

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        frequencies = torch.exp(-torch.arange(0, 4, dtype=torch.float32)).to(device=t.device)
        angles = t[:, None].float() * frequencies[None]
        embedding = torch.cat([torch.cos(angles), torch.sin(angles)], dim=-1)
        return self.outward(torch.nn.functional.silu(self.inward(x) + self.time(embedding)[:, :, None, None]))


class Sampler:
    def __init__(self, model: Denoiser, steps: int, device: torch.device) -> None:
        self.model = model
        self.alphas = torch.linspace(0.9, 0.1, steps, device=device)

    def sample(self, x: torch.Tensor) -> torch.Tensor:
        for index in range(len(self.alphas)):
            # How much of the prediction this step takes away.
            alpha = torch.full((x.shape[0], 1, 1, 1), self.alphas[index], device=x.device)  # waits for the device
            t = torch.full((x.shape[0],), index, device=x.device, dtype=torch.long)
            x = x - alpha * self.model(x, t)
        return x


@sdprof.target("faults", summary="A small denoiser with the usual faults")
def build(options: sdprof.BuildOptions) -> sdprof.Workload:
    torch.manual_seed(3)
    device = torch.device(options.device)
    sampler = Sampler(Denoiser().to(device).eval(), options.steps or 6, device)

    def run() -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(options.seed)
        with torch.no_grad():
            return {"latents": sampler.sample(torch.randn(2, 4, 16, 16, generator=generator).to(device))}

    return sdprof.Workload(run=run, hot_modules={"denoiser": sampler.model})
