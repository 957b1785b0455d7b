"""What several passes of an outer loop collect is copied behind that loop: each result once, however many passes."""

from __future__ import annotations

from pathlib import Path

import torch

from sdprof.device import simulate, to_host
from tests.fixes.source.workbench import cure_file, module_of, same_bits

LOOP = Path(__file__).parent / "loops" / "results_of_batches.py"


def test_more_passes_than_were_watched_give_the_same() -> None:
    (composed,) = cure_file(LOOP).composed.values()
    found = []
    for text in (None, composed.text):
        module = module_of(LOOP, text)
        with simulate():
            torch.manual_seed(0)
            model = module.Denoiser().to("cuda")
            found.append([to_host(module.sample(model, passes, 3, "cuda")) for passes in (3, 1, 0)])
    assert len(found[0][0][0]) == 9
    assert same_bits(found[0], found[1])
