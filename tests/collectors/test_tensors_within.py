from collections import OrderedDict
from dataclasses import dataclass

import torch

from sdprof.collectors.tensors_within import tensors_within


@dataclass
class Output:
    sample: torch.Tensor
    extra: object = None


def test_tensors_in_any_nesting():
    a, b, c = (torch.full((1,), value) for value in (1.0, 2.0, 3.0))

    assert list(tensors_within(a)) == [a]
    assert list(tensors_within([a, (b, {"x": c}), None, 3])) == [a, b, c]
    assert list(tensors_within(Output(a, OrderedDict(y=b)))) == [a, b]
    assert list(tensors_within(Output)) == []
    assert list(tensors_within("text")) == []
