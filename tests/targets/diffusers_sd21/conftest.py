"""diffusers' pipelines."""

import pytest

from tests.targets.load_target import Build, load_build


@pytest.fixture(scope="session")
def build() -> Build:
    return load_build("diffusers_sd21")
