"""A loop that a target runs in a thread of its own: found, but not seen by what looks at one thread."""

import sys

import pytest

from sdprof.collectors import lines, modules, operators, stacks, torch_trace
from sdprof.collectors.watched_run import CannotCollectError

THREADED = """
import threading

def sample():
    for t in range(3):
        net(x, t)

def run():
    thread = threading.Thread(target=sample)
    thread.start()
    thread.join()
"""


def test_the_loop_is_found(watch):
    found = watch(THREADED).loop

    assert (found.loop.qualname, found.steps) == ("sample", 3)


def test_a_thread_that_goes_on_is_traced_no_more(watch):
    watched = watch(
        """
        import sys
        from concurrent.futures import ThreadPoolExecutor
        pool = ThreadPoolExecutor(1)

        def sample():
            for t in range(3):
                for piece in [0]:
                    net(x, t)

        def run():
            pool.submit(sample).result()
        """
    )
    assert watched.loop.loop.loop_line == watched.loop.loop.call_line - 2

    pool, get_trace = watched.run.__globals__["pool"], sys.gettrace
    pool.submit(lambda: None).result()
    assert pool.submit(get_trace).result() is None
    pool.shutdown()


@pytest.mark.parametrize("collector", [modules, operators, torch_trace, stacks])
def test_who_sees_nothing_says_so(watch, collector):
    watched = watch(THREADED)

    with pytest.raises(CannotCollectError, match="another thread"):
        collector.collect(watched)
    assert list(watched.folder.iterdir()) == []


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="from 3.12 on, line_profiler sees all threads")
def test_lines_of_other_threads(watch):
    with pytest.raises(CannotCollectError, match="another thread"):
        lines.collect(watch(THREADED))
