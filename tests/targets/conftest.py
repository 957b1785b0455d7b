"""The published loop written afresh: what the other targets are compared with."""

import pytest

from tests.targets.load_target import Build, load_build


@pytest.fixture(scope="session")
def build_original() -> Build:
    return load_build("sd21_original")
