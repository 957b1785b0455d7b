"""``sdprof audit --device simulated``, with values and without: counts and bounds, and no comparison claimed."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.command import Command, sentence_of

STEPS = 4
DECIDES_BY_VALUE = """
import torch, sdprof

@sdprof.target("decides")
def build(options):
    model = torch.nn.Conv2d(4, 4, 3, padding=1).to(options.device)

    @torch.no_grad()
    def run():
        x = torch.randn(1, 4, 64, 64, device=options.device)
        for step in range(options.steps or 4):
            x = model(x)
            if x.abs().max() > 100:
                break
        return x

    return sdprof.Workload(run=run, hot_modules={"model": model}, settings=options)
"""


def audit_of(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "audit.json").read_text())
    return read


def in_loop(audit: dict[str, Any]) -> dict[str, int]:
    counts = {"H2D": 0, "D2H": 0, "SYNC": 0}
    for site in audit["transfers"]["baseline"]["sites"]:
        counts[site["kind"]] += site["count"] if site["in_loop"] else 0
    return counts


def test_the_published_loop_on_the_simulated_device(command: Command, tmp_path: Path) -> None:
    done = command(
        "audit",
        "--target",
        "sd21-original",
        "--size",
        "tiny",
        "--steps",
        STEPS,
        "--device",
        "simulated",
        "--out",
        "out",
    )
    assert done.returncode == 0, done.stderr
    audit = audit_of(tmp_path / "out")
    jsonschema.validate(audit, json.loads(command("schema").stdout))
    assert audit["kind"] == "simulation"
    assert in_loop(audit) == {"H2D": STEPS + 1, "D2H": 0, "SYNC": 3 * (STEPS + 1)}
    assert (audit["variants"], audit["comparison"], audit["fixes"]) == ([], None, [])
    assert any("nothing was timed" in gap["reason"] for gap in audit["missing"])
    open_findings = {finding["id"]: finding for finding in audit["findings"] if finding["status"] == "open"}
    assert {"sync-in-loop", "loop-invariant-copy", "cpu-created-then-moved", "naive-attention"} <= set(open_findings)
    made = open_findings["cpu-created-then-moved"]
    assert made["locations"][0]["function"] == "timestep_embedding"
    assert made["evidence"]["made_by"] == "aten::arange"
    report = (tmp_path / "out" / "report.html").read_text()
    assert "no comparison is claimed" in report
    assert "Still the same output" not in report


def test_without_values_there_are_operations_memory_and_bounds(command: Command, tmp_path: Path) -> None:
    done = command(
        *("audit", "--target", "sd21-original", "--size", "tiny", "--steps", 5, "--out", "out"),
        *("--device", "simulated", "--no-values"),
    )
    assert done.returncode == 0, done.stderr
    audit = audit_of(tmp_path / "out")
    assert audit["kind"] == "shapes"
    costs = audit["costs"]
    assert costs["steps"] == 6  # PLMS calls the model once more in its first step
    assert costs["flops"] >= 6 * costs["step_flops"] > 0
    assert costs["peak_memory_bytes"] > costs["weight_bytes"] > 0
    assert len(costs["predictions"]) == 8
    seconds = {bound["gpu"]: bound["run_seconds"] for bound in costs["predictions"]}
    assert seconds["Tesla T4"] > seconds["NVIDIA H100 80GB HBM3"] > 0
    assert in_loop(audit) == {"H2D": 5, "D2H": 0, "SYNC": 15}  # watched over four steps
    report = (tmp_path / "out" / "report.html").read_text()
    assert all(name in report for name in seconds)
    assert "a bound" in done.stdout


def test_where_a_value_decides_the_way_it_says_so(command: Command, tmp_path: Path) -> None:
    (tmp_path / "decides.py").write_text(DECIDES_BY_VALUE)
    done = command("audit", "--target", "decides.py", "--device", "simulated", "--no-values", "--out", "out")
    assert done.returncode == 1
    sentence = sentence_of(done)
    assert "decides.py:13" in sentence
    assert "does not invent one" in sentence
    assert audit_of(tmp_path / "out")["costs"] is None
    done = command("audit", "--target", "decides.py", "--device", "simulated", "--out", "with_values")
    assert done.returncode == 0, done.stderr
    assert in_loop(audit_of(tmp_path / "with_values")) == {"H2D": 0, "D2H": 0, "SYNC": 4}


def test_a_loop_that_raises_is_no_success(command: Command, tmp_path: Path) -> None:
    (tmp_path / "decides.py").write_text(DECIDES_BY_VALUE.replace("return x", 'raise ValueError("no more steps")'))
    done = command("audit", "--target", "decides.py", "--device", "simulated", "--out", "out")
    assert done.returncode == 1
    assert "the target's run raised ValueError: no more steps" in sentence_of(done)
    assert "They were not counted" in done.stdout
    assert audit_of(tmp_path / "out")["transfers"] is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--no-values"], "add --device simulated"),
        (["--no-values", "--device", "cpu"], "add --device simulated"),
        (["--device", "simulated:1"], "There is no device 'simulated:1'"),
        (["--device", "simulation"], "There is no device 'simulation'"),
        (["--device", "simulated", "--fix", "compile"], "no fix is tried"),
    ],
)
def test_wrong_calls(command: Command, tmp_path: Path, options: list[str], words: str) -> None:
    done = command("audit", "--target", "sd21-original", "--out", "out", *options)
    assert done.returncode == 2
    assert words in sentence_of(done)
    assert not (tmp_path / "out").exists()
