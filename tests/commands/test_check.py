from pathlib import Path

import msgspec
import pytest

from tests.command import Command, sentence_of
from tests.renderers.samples import faster


@pytest.fixture
def run(tmp_path: Path) -> Path:
    file = tmp_path / "audit.json"
    file.write_bytes(msgspec.json.encode(faster()))
    return file


def budget(run: Path, text: str) -> Path:
    file = run.with_name("budget.toml")
    file.write_text(f"[limits]\n{text}\n")
    return file


def test_a_budget_that_is_kept(command: Command, run: Path) -> None:
    done = command("check", run, "--budget", budget(run, "speedup_at_least = 1.5\nsame_output = true"))
    assert done.returncode == 0
    assert "ok      speedup_at_least: 1.70× (1.67 to 1.74)" in done.stdout


def test_what_broke_and_by_how_much(command: Command, run: Path) -> None:
    done = command("check", run, run.parent, "--budget", budget(run, "syncs_per_step = 0\nspeedup_at_least = 1.5"))
    assert done.returncode == 1
    assert done.stdout.count("BROKEN  syncs_per_step: 3.30 per step, 3.30 per step over the limit") == 2
    assert sentence_of(done) == "2 of the budget's limits are not kept."


def test_an_earlier_run_is_the_measure_of_what_is_new(command: Command, run: Path) -> None:
    limits = budget(run, "new_findings = 0")
    assert command("check", run, "--budget", limits).returncode == 1
    assert command("check", run, "--budget", limits, "--baseline", run.parent).returncode == 0


def test_each_run_is_held_to_the_baseline_of_its_target(command: Command, run: Path, tmp_path: Path) -> None:
    other = msgspec.structs.replace(faster(), target=msgspec.structs.replace(faster().target, name="other"))
    second = tmp_path / "other.json"
    second.write_bytes(msgspec.json.encode(other))
    limits = budget(run, "new_findings = 0")
    both = ("--baseline", second, "--baseline", run)
    assert command("check", run, second, "--budget", limits, *both).returncode == 0
    done = command("check", run, "--budget", limits, "--baseline", second)
    assert done.returncode == 1
    assert "the baseline run is of other, this one of sd21-original" in done.stdout
    done = command("check", run, "--budget", limits, "--baseline", run, "--baseline", run)
    assert (done.returncode, "two runs of the same target" in sentence_of(done)) == (2, True)


def test_a_budget_that_holds_for_no_run_is_a_wrong_call(command: Command, run: Path, tmp_path: Path) -> None:
    file = tmp_path / "budget.toml"
    file.write_text("[targets.sd21-orignal]\ngraph_breaks = 0\n[limits]\nh2d_per_step = 9\n")
    done = command("check", run, "--budget", file)
    assert (done.returncode, "did you mean sd21-original?" in sentence_of(done)) == (2, True)
    file.write_text("[targets.elsewhere]\ngraph_breaks = 0\n")
    done = command("check", run, "--budget", file)
    assert done.returncode == 2
    assert "sets no limit for the target sd21-original" in sentence_of(done)
    file.write_text("[targets.elsewhere]\ngraph_breaks = 0\n[limits]\nh2d_per_step = 9\n")
    done = command("check", run, "--budget", file)
    assert done.returncode == 0
    assert done.stdout.startswith("[targets.elsewhere] holds for none of these runs.\n")


@pytest.mark.parametrize(("text", "words"), [("nonsense = 1", "nonsense"), ("", "sets no limit")])
def test_a_wrong_budget_is_a_wrong_call(command: Command, run: Path, text: str, words: str) -> None:
    done = command("check", run, "--budget", budget(run, text))
    assert done.returncode == 2
    assert words in sentence_of(done)


def test_a_run_that_is_not_there_is_a_wrong_call(command: Command, run: Path, tmp_path: Path) -> None:
    done = command("check", tmp_path / "nowhere", "--budget", budget(run, "graph_breaks = 0"))
    assert done.returncode == 2
    assert "nowhere" in sentence_of(done)
