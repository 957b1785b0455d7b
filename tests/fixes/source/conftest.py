import linecache
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def no_rewritten_text_is_left_behind() -> Iterator[None]:
    """Rewritten texts are served under the names of the real files: a later test in this process must not read them."""
    yield
    linecache.clearcache()
