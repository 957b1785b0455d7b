"""Loads a built-in target's module beside the others, which are all called ``target``."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import sdprof

TARGETS = Path(__file__).parents[2] / "targets"
Build = Callable[..., sdprof.Workload]


def load_build(folder: str) -> Build:
    """The target's build function; called with fields of the options, tiny unless they say otherwise."""
    file = TARGETS / folder / "target.py"
    sys.path.append(str(file.parent))
    spec = importlib.util.spec_from_file_location(f"{folder}_target", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return lambda **options: module.build(sdprof.BuildOptions(**{"size": "tiny", "steps": 4, "seed": 3, **options}))
