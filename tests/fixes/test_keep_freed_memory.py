"""In a process of its own, for what mallopt changes cannot be taken back."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource
import torch
from sdprof.fixes.keep_freed_memory import apply
from sdprof.fixes.subject import Subject

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(8):
        torch.ones(64 << 20, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
returned = faults()
print(apply(Subject(device=torch.device("cpu"), hot_modules={}, dtype=None)))
faults()
print(returned, faults())
"""
HUGE_PAGES = 8 * (64 << 20) // (2 << 20)
"""The fewest faults for what is fetched anew: where the system hands out 2 MiB at once."""


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_buffers_keep_their_pages() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    did, counted = done.stdout.splitlines()
    returned, kept = map(int, counted.split())
    assert "MALLOC_MMAP_MAX_=0" in did
    assert returned >= HUGE_PAGES
    assert kept < returned / 20
