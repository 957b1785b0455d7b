"""Shared by all tests: where the loops for the tests are."""

from pathlib import Path

import pytest

LOOPS = Path(__file__).parent / "loops"


@pytest.fixture
def denoise_target() -> Path:
    return LOOPS / "denoise.py"
