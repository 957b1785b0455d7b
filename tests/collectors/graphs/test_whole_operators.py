import sys

import torch
import torch._dynamo

from sdprof.collectors.graphs.whole_operators import take_whole


def test_a_function_of_einops_is_one_operator_and_no_break() -> None:
    import einops

    def attend(tokens: torch.Tensor) -> torch.Tensor:
        return einops.rearrange(tokens, "b n (h d) -> (b h) n d", h=2) * 2

    take_whole()
    explained = torch._dynamo.explain(attend)(torch.randn(2, 3, 8))
    assert (explained.graph_count, explained.graph_break_count, explained.op_count) == (1, 0, 2)


def test_a_library_that_the_target_does_not_use_is_not_imported(monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "einops", raising=False)
    take_whole()
    assert "einops" not in sys.modules
