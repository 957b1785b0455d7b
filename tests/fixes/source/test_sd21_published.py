"""The published code itself: the same rewrites cure its loop, with equal bits, and make one graph of its step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest
import torch

from sdprof import BuildOptions
from sdprof.fetched_code import FetchError, fetch_code, fetched_code_folder
from tests.fixes.source.compiled_steps import graphs_by_step
from tests.fixes.source.workbench import Build, Cured, cure, served

TARGET = Path(__file__).parents[3] / "targets" / "sd21_published"
MODULES = ("target", "published_code", "ldm")
SAMPLERS = {"plms": (), "ddim": (), "dpm-solver": ("DPM_Solver.multistep_dpm_solver_update",)}
"""And what the loop calls in a step besides the function that calls the model."""
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
"""It was written for the NumPy and PyTorch of 2022."""


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        try:
            fetch_code(TARGET)
        except FetchError as error:
            pytest.skip(f"the published code cannot be fetched here: {error}")
        yield fetched_code_folder(TARGET)


def build_loop(sampler: str, device: str, steps: int) -> tuple[torch.nn.Module, object]:
    import target

    options = BuildOptions(
        device=device, size="tiny", steps=steps, dtype="float32", height=64, width=64, extra={"sampler": sampler}
    )
    workload = target.build(options)
    return next(iter(workload.hot_modules.values())), workload.run


@cache
def cured_loop(sampler: str, code: Path) -> Cured:
    def load(texts: Mapping[str, str]) -> Build:
        def build(device: str, steps: int):
            with served(texts, MODULES, TARGET):
                return build_loop(sampler, device, steps)

        return build

    return cure(load, 4, (code,))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_no_copy_and_no_wait_is_left_in_the_loop(code: Path, sampler: str) -> None:
    cured = cured_loop(sampler, code)
    assert cured.before.late > 0
    assert cured.after.late == 0, cured.stayed
    assert cured.same_bits


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_step_compiles_without_a_break_and_not_again_once_the_history_is_full(code: Path, sampler: str) -> None:
    texts = {file: composed.text for file, composed in cured_loop(sampler, code).composed.items()}
    with served(texts, MODULES, TARGET):
        graphs = graphs_by_step(
            lambda device, steps: build_loop(sampler, device, steps), 50, (code,), SAMPLERS[sampler]
        )
    assert graphs[-1] <= 5
    assert len(set(graphs[3:])) == 1
