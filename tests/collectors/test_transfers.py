"""Copies and waits of a loop on the simulated device, through a real worker."""

from pathlib import Path

import msgspec

from sdprof.model import FunctionSite, LoopMap, TransferProfile
from sdprof.worker.client import Worker
from sdprof.worker.protocol import Build, Collect, Collected, NotCollected

LOOPS = Path(__file__).parents[1] / "loops"
TARGETS = Path(__file__).parents[2] / "targets"


def transfers(
    folder: Path, target: Path, loop: LoopMap | None = None, **options: str | int
) -> TransferProfile | NotCollected:
    with Worker(name="the worker", timeout_seconds=120) as worker:
        request = {"device": "simulated", "seed": 0, **options}
        worker.build(Build(target_file=str(target), target_name=None, options=request))
        reply = worker.collect(Collect(collector="transfers", folder=str(folder), loop=loop))
    if isinstance(reply, Collected):
        return msgspec.json.decode((folder / reply.artifact).read_bytes(), type=TransferProfile)
    assert isinstance(reply, NotCollected)
    return reply


def counts(profile: TransferProfile, *, in_loop: bool) -> dict[str, int]:
    kinds = ("H2D", "D2H", "SYNC")
    sites = [site for site in profile.sites if site.in_loop == in_loop]
    return {kind: sum(site.count for site in sites if site.kind == kind) for kind in kinds}


def test_the_published_loop_has_its_known_copies_and_waits(tmp_path: Path) -> None:
    steps = 4
    profile = transfers(tmp_path, TARGETS / "sd21_original" / "target.py", size="tiny", steps=steps)
    assert isinstance(profile, TransferProfile)
    assert profile.device == "simulated"
    assert counts(profile, in_loop=True) == {"H2D": steps + 1, "D2H": 0, "SYNC": 3 * (steps + 1)}
    assert counts(profile, in_loop=False) == {"H2D": 8, "D2H": 6, "SYNC": 0}
    (embedding,) = [site for site in profile.sites if site.in_loop and site.kind == "H2D"]
    assert embedding.where.function == "timestep_embedding"
    # The embedding is made at the beginning of the model's call; the sampler reads its tables once that has returned.
    assert 0 <= max(embedding.moments) < 0.2
    reads = [site for site in profile.sites if site.in_loop and site.kind == "SYNC"]
    assert all(0.8 < moment <= 1 for site in reads for moment in site.moments)
    assert not any(site.moments for site in profile.sites if not site.in_loop)
    assert embedding.identical_content
    assert (embedding.made_by, embedding.made_at.function) == ("aten::arange", "timestep_embedding")
    assert (profile.contents_known, profile.origins_known, profile.memory_known) == (True, True, True)
    waits = {site.where.code.split("self.")[1].split("[")[0] for site in profile.sites if site.kind == "SYNC"}
    assert waits == {"ddim_alphas", "ddim_sigmas", "ddim_sqrt_one_minus_alphas"}


def test_tensors_that_are_made_on_the_host_are_told_from_data(tmp_path: Path) -> None:
    loop = LOOPS / "moves.py"
    expected = {
        number: text.partition("# made by ")[2].strip()
        for number, text in enumerate(loop.read_text().splitlines(), 1)
        if "# made by" in text or "# from data" in text
    }
    assert list(expected.values()).count("") == 3
    profile = transfers(tmp_path, loop, steps=4)
    assert isinstance(profile, TransferProfile)
    moved = [site for site in profile.sites if site.kind == "H2D" and site.in_loop]
    assert {site.where.line: site.made_by for site in moved} == expected
    assert all(site.count == 4 for site in moved)
    for site in moved:
        assert (site.made_at is None) == (site.made_by == "")
        if site.made_at is not None:
            assert site.made_at.line == site.where.line


def test_a_loop_that_is_elsewhere_than_was_said_is_looked_for_again(tmp_path: Path) -> None:
    loop = LOOPS / "moves.py"
    elsewhere = FunctionSite(file=str(loop), module="moves", qualname="nowhere", first_line=1, call_line=2, user=True)
    told_wrongly = LoopMap(hot_module="model", calls=4, steps=4, loop=elsewhere, chain=())
    (tmp_path / "wrong").mkdir()
    profile = transfers(tmp_path / "wrong", loop, told_wrongly, steps=4)
    assert isinstance(profile, TransferProfile)
    assert counts(profile, in_loop=True)["H2D"] > 0
    assert profile == transfers(tmp_path, loop, steps=4)


def test_a_target_that_stays_on_the_host_is_told_so(tmp_path: Path, denoise_target: Path) -> None:
    reply = transfers(tmp_path, denoise_target)
    assert isinstance(reply, NotCollected)
    assert "left denoiser on the host" in reply.reason


def test_without_a_device_there_is_nothing_to_see(tmp_path: Path, denoise_target: Path) -> None:
    reply = transfers(tmp_path, denoise_target, device="cpu")
    assert isinstance(reply, NotCollected)
    assert "ran on cpu" in reply.reason
