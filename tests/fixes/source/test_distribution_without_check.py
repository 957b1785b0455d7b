"""Distributions of torch are made without their check; others, and those that say so already, are left alone."""

from __future__ import annotations

import pytest

from tests.fixes.source.by_hand import rewritten, site_at


def after(head: str, body: str, expression: str) -> str:
    text = f"{head}\n\ndef f(mean, std, x):\n    {body}\n    return x\n"
    site, sources = site_at(text, expression, kind="SYNC", op="aten::_local_scalar_dense", dtype="bool", shape=())
    return rewritten("distribution-without-check", site, sources)


@pytest.mark.parametrize(
    ("head", "made"),
    [
        ("from torch.distributions import Normal", "Normal(mean, std)"),
        ("from torch.distributions.normal import Normal as N", "N(mean, scale=std)"),
        ("import torch.distributions as D", "D.Normal(mean, std)"),
        ("from torch import distributions", "distributions.Normal(mean, std)"),
        ("import torch", "torch.distributions.Normal(mean, std)"),
    ],
)
def test_a_distribution_is_made_without_its_check(head: str, made: str) -> None:
    expected = f"{made[:-1]}, validate_args=False)"
    assert expected in after(head, f"d = {made}\n    x = d.sample()", made)
    assert expected in after(head, f"d = {made}\n    x = d.log_prob(x)", "d.log_prob(x)")
    assert expected in after(head, f"x = {made}.log_prob(x)", f"{made}.log_prob(x)")


@pytest.mark.parametrize(
    ("head", "body", "expression"),
    [
        ("from mine import Normal", "d = Normal(mean, std)", "Normal(mean, std)"),
        (
            "from torch.distributions import Normal",
            "d = Normal(mean, std, validate_args=True)",
            "Normal(mean, std, validate_args=True)",
        ),
        ("from torch.distributions import Normal", "d = Normal(**std)", "Normal(**std)"),
        (
            "from torch.distributions import Normal",
            "d = x or Normal(mean, std)\n    d = 3\n    d.log_prob(x)",
            "d.log_prob(x)",
        ),
        ("from torch.distributions import kl_divergence", "d = kl_divergence(mean, std)", "kl_divergence(mean, std)"),
        ("import torch", "d = bool(x)", "bool(x)"),
    ],
)
def test_what_is_no_distribution_is_left_alone(head: str, body: str, expression: str) -> None:
    assert after(head, body, expression).startswith("declined: ")
