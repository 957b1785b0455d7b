"""Tables that every run sends to the device anew, through the command line: they are kept, and that is proven."""

from pathlib import Path

import pytest

from sdprof.renderers.read_audit import read_audit
from tests.collectors.test_next_setup import SCHEDULED
from tests.command import all_but, sdprof

pytestmark = pytest.mark.slow


def test_a_second_run_finds_the_tables_on_the_device(tmp_path: Path) -> None:
    (tmp_path / "scheduled.py").write_text(SCHEDULED)
    skip = all_but("environment", "loop", "operators", "transfers", "next_setup")
    call = ("audit", "--target", "scheduled.py", "--steps", "4", "--out", "out", "--quick", "--budget", "5", *skip)
    done = sdprof(*call, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = read_audit(tmp_path / "out")
    (finding,) = [each for each in result.findings if each.id.startswith("repeated-copy-outside-loop")]
    assert finding.evidence["count_per_run"] == 3
    assert finding.status in ("fixed", "hidden")  # whether a clock shows it on a CPU is chance
    (fix,) = [each for each in result.fixes if each.id == "hoist-loop-invariant"]
    assert fix.rewrites is not None
    assert fix.rewrites.in_patch
    patch = (tmp_path / "out" / "patch.diff").read_text()
    assert "return [_on_device(torch.from_numpy(np.geomspace(1, level, steps)), self.device)" in patch
