"""Transformers of PyTorch with a mask: nobody asks whether it is causal, and the numbers stay."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sdprof.model import SeenValue
from tests.fixes.source.by_hand import rewritten, site_at
from tests.fixes.source.workbench import cure_text

LOOP = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, dropout=0.0), 1)

    def forward(self, x, mask):
        x = self.encoder(x, mask)
        return self.decoder(x, x, tgt_mask=mask)


def build(device, steps):
    net = Net().to(device)

    def run():
        x = torch.randn(5, 2, 8, device=device)
        mask = torch.zeros(5, 5, device=device)
        mask[:2, 3:] = float("-inf")
        with torch.no_grad():
            for _ in range(steps):
                x = x - 0.1 * net(x, mask)
        return x

    return net, run
"""


def test_it_is_used_as_it_is(tmp_path: Path) -> None:
    found, text = cure_text(tmp_path, LOOP)
    assert found.before.counts["SYNC"] == 4 * 2
    assert not found.after.counts["SYNC"]
    assert "self.encoder(x, mask, is_causal=False)" in text
    assert "self.decoder(x, x, tgt_mask=mask, tgt_is_causal=False)" in text


@pytest.mark.parametrize("causal", [True, False])
def test_what_is_told_changes_no_number_but_by_rounding(causal: bool) -> None:
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0)
    encoder = torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    mask = torch.nn.Transformer.generate_square_subsequent_mask(5)
    mask = mask if causal else mask.t().contiguous()
    x = torch.randn(5, 2, 8)
    torch.testing.assert_close(encoder(x, mask), encoder(x, mask, is_causal=False))


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("net(x)", "TransformerEncoder"),
        ("net(x, mask, None, True)", "TransformerEncoder"),
        ("net(x, mask=mask, is_causal=True)", "TransformerEncoder"),
        ("net(x, x, None, mask)", "TransformerDecoder"),
        ("net(x, *mask)", "TransformerEncoder"),
        ("net(x, mask)", "Encoder"),
    ],
)
def test_what_asks_for_another_reason_stays(call: str, kind: str) -> None:
    text = f"def f(net, x, mask):\n    return {call}\n"
    values = {"net": SeenValue(kind="other", type_name=kind)}
    site, sources = site_at(text, call, kind="SYNC", op="aten::_local_scalar_dense", values=values)
    assert rewritten("mask-as-given", site, sources).startswith("declined: ")
