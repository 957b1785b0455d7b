"""The target's module, loaded beside the others that are called ``target``."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import sdprof

TARGETS = Path(__file__).parents[3] / "targets"
Build = Callable[..., sdprof.Workload]


def load_build(folder: str) -> Build:
    file = TARGETS / folder / "target.py"
    sys.path.append(str(file.parent))
    spec = importlib.util.spec_from_file_location(f"{folder}_target", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda **options: module.build(sdprof.BuildOptions(**{"size": "tiny", "steps": 4, "seed": 3, **options}))


@pytest.fixture(scope="session")
def build() -> Build:
    return load_build("diffusers_sd21")


@pytest.fixture(scope="session")
def build_original() -> Build:
    return load_build("sd21_original")
