"""Benches of a small loop: interleaved, continued, and going on where a configuration fails."""

import contextlib
from pathlib import Path

import msgspec
import pytest

from sdprof import __version__
from sdprof.bench import run as bench_run
from sdprof.bench.competitors import Competitors
from sdprof.bench.configurations import FAMILIES, ConfigurationSet
from sdprof.bench.machine_file import read_bench, write_bench
from sdprof.bench.run import BenchFailedError
from sdprof.model.bench import CONTROL_ENTRY, BenchFile, Configuration, Series
from sdprof.worker.client import WorkerError
from sdprof.worker.launcher import Launcher
from tests.bench.made import machine, series
from tests.command import Command, sentence_of

LOOP = Path(__file__).parent.parent / "loops" / "benched.py"
CALL = ("bench", "--target", "loop", "--configs", "some", "--device", "cpu", "--size", "narrow", "--out", "bench")


@pytest.fixture(autouse=True)
def some_configurations(monkeypatch: pytest.MonkeyPatch, shared_nursery: Launcher) -> None:
    monkeypatch.setattr(bench_run, "launcher", lambda: contextlib.nullcontext(shared_nursery))
    made = ConfigurationSet(
        title="A loop in several ways",
        reference="B",
        extra={},
        configurations=(
            Configuration(id="A", label="as it is", target=str(LOOP)),
            Configuration(id="B", label="with what is not there", target=str(LOOP), extra={"needs": "a thing"}),
            Configuration(id="C", label="crashes once", target=str(LOOP), extra={"crash_at": "2"}),
            Configuration(id="D", label="computes something else", target=str(LOOP), extra={"wrong": "1"}),
        ),
    )
    monkeypatch.setitem(FAMILIES, "loop", {"some": made})


def result() -> BenchFile:
    (file,) = Path("bench").glob("*.bench.json")
    return read_bench(file)


def test_rounds_are_interleaved_and_a_failure_is_marked_where_it_was(command: Command) -> None:
    done = command(*CALL, "--batch-size", "1", "--rounds", "3")
    assert done.returncode == 0, done.stderr
    (series,) = result().series
    assert [run.entry for run in series.runs] == ["A", "C", "D", CONTROL_ENTRY] * 3
    assert [run.round for run in series.runs if run.failure] == [1]
    entries = {entry.configuration.id: entry for entry in series.entries}
    assert entries["B"].not_available == "a thing is not installed here."
    assert series.summary is not None
    assert series.summary.reference == "A"
    assert not entries["D"].parity.passed
    assert entries["C"].parity.passed
    assert [each.numerics for each in entries.values()] == ["exact", "rounding", "rounding", "rounding"]
    failed = next(row for row in series.summary.rows if row.id == "C")
    assert (failed.rounds, failed.failed) == (2, 1)
    for ending in ("html", "md", "csv"):
        assert len(list(Path("bench").glob(f"*.{ending}"))) == 1
    assert "not available: a thing is not installed here." in done.stdout
    assert "NOT the same" in done.stdout


def test_an_interrupted_bench_goes_on_and_a_new_one_is_appended(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = iter(range(2))

    def interrupted(round_index: int, device: str) -> object:
        if next(looked, None) is None:
            raise KeyboardInterrupt
        return bench_run_look(round_index, device)

    bench_run_look = bench_run.look
    with monkeypatch.context() as patch:
        patch.setattr(bench_run, "look", interrupted)
        done = command(*CALL, "--batch-size", "1,2", "--rounds", "4")
    assert done.returncode == 1
    assert "--resume goes on" in sentence_of(done)
    (table,) = Path("bench").glob("*.md")
    assert "2 of 4 rounds" in table.read_text()
    assert [len(list(Path("bench").glob(f"*.{ending}"))) for ending in ("html", "csv")] == [1, 1]
    assert [each.rounds_done for each in result().series] == [2]
    before = result().series[0].runs

    assert command(*CALL, "--batch-size", "1,2", "--rounds", "4", "--resume").returncode == 0
    first, second = result().series
    assert first.runs[: len(before)] == before
    assert (first.rounds_done, second.rounds_done, first.interruptions) == (4, 4, (2,))
    assert command(*CALL, "--batch-size", "1,2", "--rounds", "4", "--resume").returncode == 0
    assert result().series == (first, second)  # nothing was left to do

    assert command(*CALL, "--batch-size", "1", "--rounds", "1").returncode == 0
    assert [each.rounds_done for each in result().series] == [4, 4, 1]


def test_two_benches_of_one_file_keep_each_others_rounds(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def meanwhile(round_index: int, device: str) -> object:
        if round_index == 0:
            write_bench(machine(series({"A": [1.0] * 5})), file)
        return look(round_index, device)

    look = bench_run.look
    assert command(*CALL, "--rounds", "1").returncode == 0
    (file,) = Path("bench").glob("*.bench.json")
    monkeypatch.setattr(bench_run, "look", meanwhile)
    assert command(*CALL, "--rounds", "2").returncode == 0
    assert [each.rounds_done for each in result().series] == [5, 2]


def test_rounds_that_another_bench_goes_on_with_are_left_to_it(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(round_index: int, device: str) -> object:
        if round_index == 1:
            (file,) = Path("bench").glob("*.bench.json")
            (begun,) = read_bench(file).series
            further = msgspec.structs.replace(begun, conditions=(*begun.conditions, look(1, device), look(2, device)))
            write_bench(msgspec.structs.replace(read_bench(file), series=(further,)), file)
        return look(round_index, device)

    look = bench_run.look
    monkeypatch.setattr(bench_run, "look", meanwhile)
    done = command(*CALL, "--rounds", "3")
    assert done.returncode == 1
    assert "Another bench goes on with the same rounds" in sentence_of(done)
    assert result().series[0].rounds_done == 3


def test_other_results_are_not_compared_and_only_the_script_takes_batches(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FAMILIES["loop"], "some", msgspec.structs.replace(FAMILIES["loop"]["some"], one_result=False))
    assert command(*CALL, "--rounds", "1", "--n-iter", "3").returncode == 0
    (series,) = result().series
    assert [(entry.parity, entry.numerics) for entry in series.entries] == [(None, None)] * 4
    assert series.settings.n_iter == 1


def test_fresh_workers_start_in_every_turn(command: Command) -> None:
    assert command(*CALL, "--rounds", "2", "--fresh-workers").returncode == 0
    (series,) = result().series
    assert series.rounds_done == 2
    assert [run.failure for run in series.runs] == [""] * 8


def test_workers_that_do_not_fit_beside_each_other_run_one_by_one(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sdprof.bench.competitors.free_bytes", lambda: 0)
    done = command(*CALL, "--rounds", "1")
    assert done.returncode == 0
    assert result().series[0].fresh_workers
    assert "every run in a worker of its own" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--target", "sd22"), "There is no bench target 'sd22'"),
        (("--configs", "five"), "There is no set of configurations of loop 'five'"),
        (("--batch-size", "1;2"), "--batch-size takes whole numbers"),
        (("--batch-size", "2,2"), "--batch-size takes whole numbers"),
        (("--timeout", "inf"), "--timeout takes a number of seconds"),
        (("--size", "vast"), "There is no size 'vast'"),
        (("--weights", "nowhere.ckpt"), "The checkpoint"),
    ],
)
def test_a_wrong_call_is_refused_before_anything_starts(command: Command, words: tuple[str, ...], said: str) -> None:
    done = command(*CALL, *words)
    assert done.returncode == 2
    assert said in sentence_of(done)
    assert not Path("bench").exists()


@pytest.mark.parametrize(("words", "said"), [((), "begins anew"), (("--resume",), "goes on")])
def test_an_interruption_before_the_first_round_promises_nothing(
    command: Command, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    if words:
        assert command(*CALL, "--rounds", "1").returncode == 0

    def interrupted(_round: int, _device: str) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(bench_run, "look", interrupted)
    batch_sizes = ("--batch-size", "1,2") if words else ()
    done = command(*CALL, *batch_sizes, "--rounds", "1", *words)
    assert done.returncode == 1
    assert sentence_of(done) == f"Interrupted before a round was finished; the same call {said}."


def test_what_a_failure_leaves_has_its_tables(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(begun: Series, *words: object) -> object:
        if begun.settings.batch_size == 2:
            raise BenchFailedError("No configuration could be had here.")
        return measure(begun, *words)

    measure = bench_run._round
    monkeypatch.setattr(bench_run, "_round", gone)
    done = command(*CALL, "--rounds", "1", "--batch-size", "1,2")
    assert done.returncode == 1
    assert "No configuration could be had" in sentence_of(done)
    (table,) = Path("bench").glob("*.md")
    assert "1 of 1 rounds" in table.read_text()


def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**where: object) -> object:
        raise OSError(28, "No space left on device", str(where["dir"]))

    monkeypatch.setattr("sdprof.bench.run.tempfile.TemporaryDirectory", full)
    done = command(*CALL)
    assert done.returncode == 1
    assert "cannot be used (No space left on device)" in sentence_of(done)


def test_options_of_the_bench_before_merge_are_refused(command: Command) -> None:
    done = command("bench", "--out", "table.md", "merge", "absent.bench.json")
    assert done.returncode == 2
    assert "--out before merge is an option of the bench" in sentence_of(done)


def test_there_must_be_something_to_go_on_with(command: Command) -> None:
    done = command(*CALL, "--resume")
    assert done.returncode == 1
    assert "nothing to go on with" in sentence_of(done)


def test_rounds_of_another_version_are_not_continued(command: Command) -> None:
    assert command(*CALL, "--rounds", "1").returncode == 0
    (file,) = Path("bench").glob("*.bench.json")
    file.write_text(file.read_text().replace(f'"sdprof_version": "{__version__}"', '"sdprof_version": "0.0.1"'))
    done = command(*CALL, "--rounds", "2", "--resume")
    assert done.returncode == 1
    assert "was begun by sdprof 0.0.1" in sentence_of(done)


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ('"threads": ', '"threads": 9', "91 threads"),
        ('"packages": {', '"packages": { "xformers": "0.0.1",', "xformers 0.0.1"),
    ],
)
def test_rounds_of_other_packages_or_threads_are_not_continued(
    command: Command, written: str, instead: str, said: str
) -> None:
    assert command(*CALL, "--rounds", "1", "--threads", "1").returncode == 0
    (file,) = Path("bench").glob("*.bench.json")
    kept, _, environment = file.read_text().partition('"environment": {')
    file.write_text(kept + '"environment": {' + environment.replace(written, instead, 1))
    done = command(*CALL, "--rounds", "2", "--resume", "--threads", "1")
    assert done.returncode == 1
    assert said in sentence_of(done)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fresh_workers": True}, "begun with A, C, D against A with its control, a worker for every run, and now"),
        ({"control_not_available": "no memory"}, "against A without its control"),
        ({"wanted_reference": "D"}, "against D with its control"),
        ({"entries": ["B"]}, "begun with A, B, C, D against B"),
    ],
)
def test_rounds_are_not_continued_by_others_or_in_another_way(
    command: Command, change: dict[str, object], said: str
) -> None:
    assert command(*CALL, "--rounds", "1").returncode == 0
    (file,) = Path("bench").glob("*.bench.json")
    machine = read_bench(file)
    (begun,) = machine.series
    if "entries" in change:
        change = {"entries": tuple(msgspec.structs.replace(each, not_available="") for each in begun.entries)}
    write_bench(msgspec.structs.replace(machine, series=(msgspec.structs.replace(begun, **change),)), file)
    done = command(*CALL, "--rounds", "2", "--resume")
    assert done.returncode == 1
    assert said in sentence_of(done)
    assert result().series[0].rounds_done == 1


def test_a_control_that_cannot_start_is_told(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    start = Competitors._start

    def failing(self: Competitors, name: str) -> object:
        if name == CONTROL_ENTRY:
            raise WorkerError("internal", "there is no memory for it.")
        return start(self, name)

    monkeypatch.setattr(Competitors, "_start", failing)
    done = command(*CALL, "--rounds", "1")
    assert done.returncode == 0
    assert result().series[0].control_not_available == "there is no memory for it."
    assert "A/A not available: there is no memory for it." in done.stdout


def test_files_are_merged_by_the_command(command: Command) -> None:
    assert command(*CALL, "--rounds", "1", "--batch-size", "1,2").returncode == 0
    (file,) = Path("bench").glob("*.bench.json")
    done = command("bench", "merge", file, file)
    assert done.returncode == 0
    assert "| device | batch size 1 | batch size 2 |" in done.stdout
    write_bench(machine(), Path("empty.bench.json"))
    done = command("bench", "merge", "empty.bench.json")
    assert done.returncode == 2
    assert "There are no rounds in empty.bench.json" in sentence_of(done)
    done = command("bench", "merge", "absent.bench.json")
    assert done.returncode == 2
    assert "cannot be read" in sentence_of(done)


def test_a_fix_that_declines_is_left_out_only_where_that_was_foreseen(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    configurations = (
        Configuration(id="A", label="as it is", target=str(LOOP)),
        Configuration(
            id="P",
            label="may",
            target=str(LOOP),
            fixes_where_they_help=("winograd-convolutions", "prepacked-weights"),
        ),
        Configuration(
            id="Q",
            label="must",
            target=str(LOOP),
            fixes=("winograd-convolutions",),
            fixes_where_they_help=("prepacked-weights",),
        ),
    )
    made = ConfigurationSet(title="A loop with a fix", reference="A", extra={}, configurations=configurations)
    monkeypatch.setitem(FAMILIES["loop"], "some", made)
    assert command(*CALL, "--rounds", "1").returncode == 0
    _, may, must = result().series[0].entries
    assert may.not_available == ""
    (left_out,) = [told for told in may.did if told.startswith("winograd-convolutions was left out. ")]
    assert must.not_available in left_out
    assert must.not_available != ""
