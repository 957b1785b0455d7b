"""A small denoiser with a loop of its own: what a user's single-file target looks like."""

import torch

import sdprof


class Denoiser(torch.nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inward = torch.nn.Conv2d(4, width, 3, padding=1)
        self.time = torch.nn.Linear(1, width)
        self.outward = torch.nn.Conv2d(width, 4, 3, padding=1)

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        hidden = self.inward(x) + self.time(t[:, None])[:, :, None, None]
        return self.outward(torch.nn.functional.silu(hidden))


class Sampler:
    def __init__(self, model: Denoiser, steps: int) -> None:
        self.model = model
        self.levels = torch.linspace(1.0, 0.0, steps + 1)

    def denoise(self, x: torch.Tensor, index: int) -> torch.Tensor:
        t = self.levels[index].expand(x.shape[0])
        return self.model(x, t)

    def sample(self, x: torch.Tensor) -> torch.Tensor:
        for index in range(len(self.levels) - 1):
            noise = self.denoise(x, index)
            x = x - (self.levels[index] - self.levels[index + 1]) * noise
        return x


@sdprof.target("denoise", summary="A small denoiser", sizes=("narrow", "wide"))
def build(options: sdprof.BuildOptions) -> sdprof.Workload:
    torch.manual_seed(3)
    model = Denoiser(8 if options.size != "wide" else 32).eval()
    sampler = Sampler(model, options.steps or 4)

    def run() -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(options.seed)
        with torch.no_grad():
            return {"latents": sampler.sample(torch.randn(2, 4, 16, 16, generator=generator))}

    return sdprof.Workload(run=run, hot_modules={"denoiser": model}, parameters={"levels": "linear"})
