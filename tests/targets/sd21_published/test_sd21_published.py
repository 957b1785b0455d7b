"""The published code runs unchanged and computes what sd21-original computes; fetched once for these tests."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sdprof.fetched_code import FetchError, fetch_code, fetched_code_folder
from tests.targets.load_target import TARGETS, Build, load_build
from tests.targets.sd21_original.conftest import relative_difference

FOLDER = TARGETS / "sd21_published"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
"""It was written for the NumPy and PyTorch of 2022."""


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Build]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        try:
            fetch_code(FOLDER)
        except FetchError as error:
            pytest.skip(f"the published code cannot be fetched here: {error}")
        yield load_build("sd21_published")


@pytest.mark.parametrize(
    ("sampler", "parameterization"), [("plms", "eps"), ("ddim", "eps"), ("ddim", "v"), ("dpm-solver", "eps")]
)
def test_it_computes_what_sd21_original_computes(
    build: Build, build_original: Build, sampler: str, parameterization: str
) -> None:
    extra = {"sampler": sampler, "parameterization": parameterization, "decode": "1"}
    found = build(steps=5, batch_size=2, extra=extra)
    wanted = build_original(steps=5, batch_size=2, extra=extra).run()
    returned = found.run()
    for name in ("latents", "images"):
        assert relative_difference(returned[name], wanted[name]) < 1e-5
    assert found.hot_modules["unet"].__module__ == "ldm.modules.diffusionmodules.openaimodel"


def test_the_stand_ins_are_gone_when_it_stands(build: Build) -> None:
    build()
    assert not {"pytorch_lightning", "omegaconf"} & sys.modules.keys()
    assert getattr(sys.modules.get("torchvision"), "__spec__", "not imported") is not None


@pytest.mark.parametrize(
    ("extra", "words"),
    [({"parameterization": "v"}, "would treat a velocity as noise"), ({"run": "script"}, "no setting 'run'")],
)
def test_what_cannot_work_is_refused(build: Build, extra: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build(extra=extra)


def test_without_its_code_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert not fetched_code_folder(FOLDER).exists()
    with pytest.raises(FileNotFoundError, match="sdprof targets fetch sd21-published"):
        load_build("sd21_published")()
