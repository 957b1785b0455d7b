"""What a worker tells its parent about what it imported."""

import sys
from pathlib import Path

import einops

from sdprof.worker.session import installed_modules


def without_einops() -> frozenset[str]:
    return frozenset(name for name in sys.modules if not name.startswith("einops"))


def test_installed_libraries_are_told_in_the_order_of_their_import() -> None:
    told = installed_modules(without_einops(), Path("/home/me"))
    assert set(told) == {name for name in sys.modules if name.startswith("einops")}
    assert list(told) == [name for name in sys.modules if name in told]


def test_a_target_that_is_installed_is_its_own_and_no_library() -> None:
    assert installed_modules(without_einops(), Path(einops.__file__).parent) == ()


def test_a_target_beside_the_libraries_hides_none() -> None:
    assert "einops" in installed_modules(without_einops(), Path(einops.__file__).parents[1])
