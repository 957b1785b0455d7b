"""Tables that every run sends to the device anew, through the command line: they are kept, and that is proven."""

from pathlib import Path

import pytest

from sdprof.model import AuditResult
from sdprof.renderers.read_audit import read_audit
from tests.collectors.test_next_setup import SCHEDULED
from tests.command import all_but, sdprof

pytestmark = pytest.mark.slow
ENCODED = """
import torch
from torch import nn

import sdprof

WORDS = {"": [7, 0, 0, 0], "a cat": [7, 3, 5, 0]}


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(10, 16)

    def forward(self, texts):
        tokens = torch.tensor([WORDS[text] for text in texts])
        return self.table(tokens.to(self.table.weight.device)).mean(1)[..., None, None]


def sample(model, condition, steps):
    x = torch.ones_like(condition).repeat(1, 1, 8, 8)
    for _ in range(steps):
        x = x - 0.1 * model(x + condition)
    return x


@sdprof.target("encoded", summary="Encodes its prompts anew for every batch")
def build(options):
    torch.manual_seed(1)
    model = nn.Conv2d(16, 16, 1).to(options.device)
    encoder = Encoder().to(options.device)

    def run():
        batches = []
        with torch.no_grad():
            for _ in range(2):
                condition = encoder(["a cat"]) - encoder([""])
                batches.append(sample(model, condition, options.steps or 4))
        return {"images": torch.cat(batches).cpu()}

    return sdprof.Workload(run=run, hot_modules={"model": model})
"""


def audit(name: str, text: str, folder: Path) -> tuple[AuditResult, str]:
    (folder / f"{name}.py").write_text(text)
    skip = all_but("environment", "loop", "operators", "transfers", "next_setup")
    call = ("audit", "--target", f"{name}.py", "--steps", "4", "--out", "out", "--quick", "--budget", "5", *skip)
    done = sdprof(*call, cwd=folder)
    assert done.returncode == 0, done.stderr
    return read_audit(folder / "out"), (folder / "out" / "patch.diff").read_text()


def test_a_second_run_finds_the_tables_on_the_device(tmp_path: Path) -> None:
    result, patch = audit("scheduled", SCHEDULED, tmp_path)
    (finding,) = [each for each in result.findings if each.id.startswith("repeated-copy-outside-loop")]
    assert finding.evidence["count_per_run"] == 3
    assert finding.status in ("fixed", "hidden")  # whether a clock shows it on a CPU is chance
    assert "return [_on_device(torch.from_numpy(np.geomspace(1, level, steps)), self.device)" in patch


def test_prompts_that_are_encoded_again_go_to_the_device_once(tmp_path: Path) -> None:
    result, patch = audit("encoded", ENCODED, tmp_path)
    (finding,) = [each for each in result.findings if each.id.startswith("repeated-copy-outside-loop")]
    assert finding.status in ("fixed", "hidden")
    assert "+        return self.table(_on_device(tokens, self.table.weight.device)" in patch
