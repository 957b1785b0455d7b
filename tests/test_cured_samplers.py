"""Samplers of the targets, through the command line: their copies and waits go, and their step is one graph."""

from pathlib import Path

import pytest

from sdprof.model import AuditResult, FixResult, GraphRegion
from sdprof.renderers.read_audit import read_audit
from tests.command import all_but, sdprof

pytestmark = pytest.mark.slow
STEPS = 6
ROUNDING = ("fused-attention", "silu")
"""Without these every rewrite keeps the bits."""


def audit(target: str, sampler: str, folder: Path) -> AuditResult:
    call = ("audit", "--target", target, "--set", f"sampler={sampler}", "--steps", str(STEPS), "--out", "out")
    without_time = all_but("environment", "loop", "module_calls", "operators", "transfers", "graphs")
    exact = [word for fix in ROUNDING for word in ("--without-fix", fix)]
    done = sdprof(*call, "--quick", "--budget", "5", *without_time, *exact, cwd=folder, seconds=600)
    assert done.returncode == 0, done.stderr
    return read_audit(folder / "out")


def rewriting(result: AuditResult) -> list[FixResult]:
    return [fix for fix in result.fixes if fix.rewrites is not None and fix.rewrites.in_patch]


def region(result: AuditResult, side: str) -> GraphRegion:
    assert result.graphs is not None
    section = getattr(result.graphs, side)
    assert section is not None
    (step,) = [each for each in section.regions if each.name == "sampler step" and not each.grad]
    return step


@pytest.mark.parametrize("sampler", ["plms", "ddim", "dpm-solver"])
def test_the_published_loop_waits_no_more_and_its_step_is_one_graph(sampler: str, tmp_path: Path) -> None:
    result = audit("sd21-original", sampler, tmp_path)
    assert result.patch is not None
    proof = result.patch.proof
    assert proof is not None
    assert proof.equal
    calls = proof.before.steps
    assert proof.before.h2d == calls
    # DPM-Solver looks its schedule up on the host, many times in each step.
    assert proof.before.sync == 3 * calls if sampler != "dpm-solver" else proof.before.sync > 3 * calls
    assert proof.after.total == 0
    assert region(result, "baseline").breaks > 0
    after = region(result, "candidate")
    assert (after.breaks, after.error) == (0, "")
    assert after.graphs <= 5


@pytest.mark.parametrize("sampler", ["pndm", "ddim"])
def test_what_waits_in_the_schedulers_of_diffusers_is_cured(sampler: str, tmp_path: Path) -> None:
    result = audit("diffusers-sd21", sampler, tmp_path)
    assert result.patch is not None
    proof = result.patch.proof
    assert proof is not None
    assert proof.equal
    assert proof.before.sync > proof.before.steps
    assert proof.after.total == 0
    assert all(fix.parity is None or fix.parity.passed for fix in rewriting(result))


def test_the_solver_of_diffusers_waits_in_its_first_step_alone(tmp_path: Path) -> None:
    result = audit("diffusers-sd21", "dpm-solver++", tmp_path)
    assert result.transfers is not None
    assert result.transfers.baseline is not None
    waits = [site for site in result.transfers.baseline.sites if site.in_loop]
    assert [(site.kind, site.count, site.steps) for site in waits] == [("SYNC", 1, (0,))] * 2
    assert result.patch is None
