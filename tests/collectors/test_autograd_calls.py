"""Autograd functions and gradient checkpointing in a loop without grad are told, with their expression."""

import torch

from sdprof.collectors import operators

CHECKPOINTED = """
import torch.utils.checkpoint

class Recomputed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, function, x):
        return function(x)
    @staticmethod
    def backward(ctx, gradient):
        return None, gradient

class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)
    def forward(self, x):
        x = Recomputed.apply(self.layer, x)  # own function
        return torch.utils.checkpoint.checkpoint(self.layer, x, use_reentrant=False)  # PyTorch's

net = Denoiser()
x = torch.ones(2, 4)

def run(grad=False):
    y = x
    with torch.set_grad_enabled(GRAD):
        for _ in range(3):
            y = net(y)
    return y
"""


def autograd_sites(census):
    return {site.op: site for site in census.sites if site.op.startswith("autograd::")}


def test_calls_without_grad_are_told(watch, line_of):
    watched = watch(CHECKPOINTED.replace("GRAD", "False"))
    sites = autograd_sites(operators.collect(watched))
    assert sites.keys() == {"autograd::Recomputed", "autograd::checkpoint"}
    assert sites["autograd::Recomputed"].calls == 3
    assert sites["autograd::Recomputed"].where.line == line_of(watched, "# own function")
    assert sites["autograd::checkpoint"].where.line == line_of(watched, "# PyTorch's")


def test_in_training_they_are_wanted(watch):
    assert autograd_sites(operators.collect(watch(CHECKPOINTED.replace("GRAD", "True")))) == {}


def test_nothing_is_left_behind(watch):
    before = torch.autograd.Function.__dict__["apply"], torch.utils.checkpoint.checkpoint
    operators.collect(watch(CHECKPOINTED.replace("GRAD", "False")))
    assert (torch.autograd.Function.__dict__["apply"], torch.utils.checkpoint.checkpoint) == before
