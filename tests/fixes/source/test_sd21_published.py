"""The published code itself: its copies and waits in the loop fall by the same rewrites, with equal bits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from sdprof import BuildOptions
from sdprof.fetched_code import FetchError, fetch_code, fetched_code_folder
from tests.fixes.source.workbench import Build, cure, served

TARGET = Path(__file__).parents[3] / "targets" / "sd21_published"
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


def load(texts: Mapping[str, str], sampler: str) -> Build:
    def build(device: str, steps: int):
        with served(texts, ("target", "published_code", "ldm"), TARGET):
            import target

            options = BuildOptions(
                device=device,
                size="tiny",
                steps=steps,
                dtype="float32",
                height=64,
                width=64,
                extra={"sampler": sampler},
            )
            workload = target.build(options)
        return next(iter(workload.hot_modules.values())), workload.run

    return build


@pytest.mark.parametrize("sampler", ["plms", "ddim", "dpm-solver"])
def test_no_copy_and_no_wait_is_left_in_the_loop(code: Path, sampler: str) -> None:
    cured = cure(lambda texts: load(texts, sampler), 4, (code,))
    assert cured.before.late > 0
    assert cured.after.late == 0, cured.stayed
    assert cured.same_bits
