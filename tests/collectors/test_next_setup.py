"""What a second run copies before its loop, on the simulated device and through a real worker."""

from pathlib import Path

import msgspec
import pytest

from sdprof.model import TransferProfile
from sdprof.worker.client import Worker
from sdprof.worker.protocol import Build, Collect, Collected, NotCollected

TARGETS = Path(__file__).parents[2] / "targets"
SCHEDULED = """
import numpy as np
import torch
from torch import nn

import sdprof


class Sampler:
    def __init__(self, model, device):
        self.model, self.device, self.kept = model, device, None

    def tables(self, steps):
        if self.kept is None:
            self.kept = torch.linspace(1, 0.1, steps).to(self.device)
        return [torch.from_numpy(np.geomspace(1, level, steps)).to(self.device) for level in (0.1, 0.2, 0.3)]

    def sample(self, steps):
        tables = self.tables(steps)
        x = torch.ones(1, 4, 8, 8, device=self.device)
        for i in range(steps):
            x = x - self.model(x) * tables[0][i] * torch.tensor(0.5).to(self.device)
        return x.cpu()


@sdprof.target("scheduled", summary="Makes its tables anew in every run, but for one")
def build(options):
    model = nn.Conv2d(4, 4, 1).to(options.device)
    sampler = Sampler(model, options.device)

    def run():
        with torch.no_grad():
            return {"latents": sampler.sample(options.steps or 4)}

    return sdprof.Workload(run=run, hot_modules={"model": model})
"""


@pytest.fixture
def scheduled(tmp_path: Path) -> Path:
    file = tmp_path / "scheduled.py"
    file.write_text(SCHEDULED)
    return file


def next_setup(folder: Path, target: Path, device: str = "simulated", **options: str | int) -> TransferProfile | str:
    with Worker(name="the worker", timeout_seconds=120) as worker:
        worker.build(Build(target_file=str(target), target_name=None, options={"device": device, "seed": 0, **options}))
        reply = worker.collect(Collect(collector="next_setup", folder=str(folder)))
        worker.run()
    if isinstance(reply, Collected):
        return msgspec.json.decode((folder / reply.artifact).read_bytes(), type=TransferProfile)
    assert isinstance(reply, NotCollected)
    return reply.reason


def test_what_is_kept_between_runs_is_not_seen(scheduled: Path, tmp_path: Path) -> None:
    profile = next_setup(tmp_path, scheduled, steps=4)
    assert isinstance(profile, TransferProfile)
    (tables,) = profile.sites
    assert (tables.kind, tables.count, tables.scope, tables.in_loop) == ("H2D", 3, "setup", False)
    assert "torch.from_numpy(np.geomspace(1, level, steps)).to(self.device)" in tables.where.code


def test_the_published_schedule_is_sent_in_every_run(tmp_path: Path) -> None:
    profile = next_setup(tmp_path, TARGETS / "sd21_original" / "target.py", size="tiny", steps=4)
    assert isinstance(profile, TransferProfile)
    assert {(site.kind, site.count) for site in profile.sites} == {("H2D", 8), ("D2H", 5), ("D2H", 1)}


def test_a_host_has_nothing_to_copy_to(scheduled: Path, tmp_path: Path) -> None:
    reason = next_setup(tmp_path, scheduled, device="cpu", steps=4)
    assert "no device to copy to" in str(reason)
