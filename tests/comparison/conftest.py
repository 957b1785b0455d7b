import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

NOISY_MACHINE = Path(__file__).parents[2] / "benchmarks" / "noisy_machine.py"


@pytest.fixture(scope="session")
def noisy_machine() -> ModuleType:
    """The simulated machine of benchmarks/false_claims.py, so that both speak of the same noise."""
    spec = importlib.util.spec_from_file_location("noisy_machine", NOISY_MACHINE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
