"""Trials of hand-made edits in real workers on the simulated device: what is sound, and each way of not being so."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from safetensors.numpy import load_file, save_file

from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.module_source import Sources
from sdprof.model import Location, TransferProfile
from sdprof.run_folder import Manifest, RunFolder
from sdprof.stages.counted_run import OUTPUTS_FILES, CountedRun
from sdprof.stages.edit_trials import STAYS, EditTrials
from sdprof.stages.own_time import TimeSheet
from sdprof.stages.request import AuditRequest
from sdprof.stages.variant_overlays import VariantOverlays
from sdprof.stages.variants import SIMULATED, VariantStarter
from sdprof.worker.launcher import Launcher
from tests.conftest import LOOPS

FILE = LOOPS / "faults.py"
TEXT = FILE.read_text()
FILLED = "torch.full((x.shape[0], 1, 1, 1), self.alphas[index], device=x.device)"
NO_EVENTS = TransferProfile(device="simulated", steps=4, sites=())


def edit(old: str, new: str, *, numerics: str = "exact") -> Edit:
    assert TEXT.count(old) == 1
    start = TEXT.index(old)
    line = TEXT.count("\n", 0, start) + 1
    column = start - TEXT.rindex("\n", 0, start) - 1
    made = Edit(
        fix="by-hand",
        file=str(FILE),
        where=Location(
            file=str(FILE),
            line=line,
            column=column,
            end_line=line,
            end_column=column + len(old),
            code=TEXT.splitlines()[line - 1],
            function="Sampler.sample",
        ),
        replacements=(Replacement(start=start, end=start + len(old), text=new),),
        numerics="exact",
        proof="data",
        description="",
    )
    return msgspec.structs.replace(made, numerics=numerics)


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory, shared_nursery: Launcher) -> Iterator[EditTrials]:
    folder = RunFolder.create(
        tmp_path_factory.mktemp("run") / "out", Manifest(sdprof_version="", created="", request={})
    )
    request = AuditRequest(
        target_file=str(FILE), target_name="faults", options={"device": "cpu", "seed": 0}, profile_steps=4
    )
    scratch = tmp_path_factory.mktemp("scratch")
    starter = VariantStarter(request, scratch, TimeSheet(), shared_nursery, VariantOverlays(folder))
    starter.source_roots = (str(LOOPS),)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sdprof.stages.edit_trials.LEAST_TIMEOUT_SECONDS", 15.0)
        yield EditTrials(
            starter, Sources(), scratch, TimeSheet(), device=SIMULATED, before=NO_EVENTS, loop=None, precision="float32"
        )


def test_a_cure_is_sound_and_its_proof_counts_the_whole_loop_at_two_lengths(trials: EditTrials) -> None:
    cure = (edit(FILLED, "self.alphas[index].expand(x.shape[0], 1, 1, 1)"),)
    assert (trials(cure).fault, trials(cure).in_vain) == ("", {})
    proof = trials.proof(cure, two_lengths=True)
    assert proof is not None
    assert (proof.before.h2d, proof.before.sync, proof.after.h2d, proof.after.sync) == (4, 4, 4, 0)
    assert proof.per_step == 1
    assert proof.equal


def test_what_was_run_ahead_is_not_run_again(trials: EditTrials, monkeypatch: pytest.MonkeyPatch) -> None:
    cure = (edit(FILLED, "self.alphas[index].reshape(1, 1, 1, 1).expand(x.shape[0], 1, 1, 1)"),)
    trials.run_ahead([cure], lambda: True, twice_as_long=cure)
    monkeypatch.setattr(VariantStarter, "start", lambda *_, **__: pytest.fail("a worker was started"))
    proof = trials.proof(cure, two_lengths=True)
    assert proof is not None
    assert proof.per_step == 1


def test_an_edit_that_leaves_its_event_is_in_vain(trials: EditTrials) -> None:
    same = edit(FILLED, "(" + FILLED + ")")
    assert trials((same,)).in_vain == {same: STAYS}


def test_an_edit_that_moves_its_event_elsewhere_is_at_fault(trials: EditTrials) -> None:
    on_host = edit(FILLED, FILLED.replace("self.alphas", "self.alphas.cpu()"))
    trial = trials((on_host,))
    assert "D2H in the loop where 0 were before" in trial.fault
    assert trials.proof((on_host,)) is None


def test_an_exact_edit_that_changes_a_bit_is_at_fault_and_a_rounding_one_is_not(trials: EditTrials) -> None:
    changed = FILLED.replace("self.alphas[index]", "self.alphas[index] * 1.0000001")
    assert "The output changed" in trials((edit(FILLED, changed),)).fault
    assert trials((edit(FILLED, changed, numerics="rounding"),)).fault == ""
    wrong = FILLED.replace("self.alphas[index]", "self.alphas[index] * 1.01")
    assert "The output changed" in trials((edit(FILLED, wrong, numerics="rounding"),)).fault


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("import torch\n", "import torch\nimport no_such_module\n", "ModuleNotFoundError"),
        (FILLED, "undefined", "NameError"),
        (FILLED, "__import__('os').abort()", "crashed with SIGABRT"),
        (FILLED, "__import__('sys').exit(3)", "sys.exit(3)"),
        (FILLED, "__import__('time').sleep(1000)", "gave no answer within"),
    ],
)
def test_a_loop_that_fails_crashes_or_hangs_with_an_edit_says_how(
    old: str, new: str, fault: str, trials: EditTrials
) -> None:
    broken = edit(old, new)
    assert fault in trials((broken,)).fault
    assert trials.proof((broken,)) is None


def test_of_two_edits_of_one_expression_the_later_is_in_vain(trials: EditTrials) -> None:
    first = edit(FILLED, "self.alphas[index].expand(x.shape[0], 1, 1, 1)")
    second = edit(FILLED, "self.alphas[index].reshape(1, 1, 1, 1)")
    trial = trials((first, second))
    assert list(trial.conflicts) == [second]
    assert FILE.read_text() == TEXT


def test_the_outputs_of_the_counted_run_serve_for_those_of_the_loop_as_it_is(
    trials: EditTrials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    observed = CountedRun(outputs=tmp_path / "first", outputs_again=tmp_path / "again", seconds=1.0)
    outputs = load_file(trials._scratch / "trial-0" / OUTPUTS_FILES[0])
    save_file(outputs, observed.outputs)
    save_file({name: value + 1 for name, value in outputs.items()}, observed.outputs_again)
    monkeypatch.setattr(EditTrials, "_run_as_it_is", lambda _: pytest.fail("it ran again"))
    told = EditTrials(
        trials._starter,
        Sources(),
        tmp_path,
        TimeSheet(),
        device=SIMULATED,
        before=NO_EVENTS,
        loop=None,
        precision="float32",
        as_it_is=observed,
    )
    parity = told.run((edit(FILLED, FILLED),)).parity
    assert parity is not None
    assert parity.max_abs_diff == 0
    assert "two runs of the baseline differ" in parity.reason
