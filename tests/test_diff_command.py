"""``sdprof diff``: two traces or two runs, in the terminal, as JSON, and as a page."""

import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import msgspec

from sdprof.model import RunDiff
from sdprof.renderers.diff_terminal import render
from tests.command import Command, sentence_of
from tests.facts.trace import trace_files as make
from tests.renderers.samples import faster

TRACES = Path(__file__).parent / "golden" / "traces"
A100, V100 = TRACES / "a100_train_control.json.gz", TRACES / "v100_train_test.json.gz"


def test_the_same_job_on_two_gpus(command: Command, tmp_path: Path) -> None:
    done = command("diff", A100, V100, "--out", "out", "--json")
    assert done.returncode == 0
    diff = msgspec.json.decode(done.stdout, type=RunDiff)
    assert json.loads((tmp_path / "out" / "diff.json").read_text()) == json.loads(done.stdout)
    assert diff.trace is not None
    assert diff.trace.measure == "device time"
    totals = {change.name: change for change in diff.trace.totals}
    assert (round(totals["span"].us_before), round(totals["span"].us_after)) == (464594, 745239)
    assert (round(totals["busy"].us_before), round(totals["busy"].us_after)) == (388587, 717943)
    for changes in (diff.trace.operators, diff.trace.kernels, diff.trace.copies):
        sizes = [abs(change.change_us) for change in changes]
        assert sizes == sorted(sizes, reverse=True)
        for change in changes:
            assert (change.status == "added") == (change.count_before == 0)
            assert (change.status == "gone") == (change.count_after == 0)
    copies = {change.name: (change.count_before, change.count_after) for change in diff.trace.copies}
    assert copies["D2D (Device → Device)"] == (18, 4645)
    assert any(change.status == "gone" and change.id == "launch-bound" for change in diff.findings)


class Page(HTMLParser):
    def __init__(self, source: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.links += [attributes[name] or "" for name in ("href", "src") if name in attributes]
        self.ids.add(attributes.get("id") or "")


def test_the_page_loads_nothing_and_marks_what_came_and_went(command: Command, tmp_path: Path) -> None:
    assert command("diff", A100, V100, "--out", "out").returncode == 0
    source = (tmp_path / "out" / "diff.html").read_text()
    page = Page(source)
    assert page.links
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)
    assert {"totals", "operators", "kernels", "copies", "findings"} <= page.ids
    assert '<span class="tag">added</span>' in source
    assert '<span class="tag">gone</span>' in source


def test_names_from_a_trace_are_text_in_every_form(command: Command, tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>\x1b[31m"
    events = [make.operator(hostile, 0, 20), make.call("cudaLaunchKernel", 1, 2, 5), make.kernel(hostile, 30, 2, 5)]
    make.write(tmp_path, events)
    assert command("trace", "trace.json", "--out", "report").returncode == 0
    done = command("diff", "trace.json", A100, "--out", "out")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    for page in (tmp_path / "out" / "diff.html", tmp_path / "report" / "report.html"):
        assert "<script>alert" not in page.read_text()


def test_long_names_leave_room_for_the_figures(command: Command) -> None:
    diff = msgspec.json.decode(command("diff", A100, V100, "--json").stdout, type=RunDiff)
    for width, count in ((80, " 1,092 → 276"), (60, "")):
        row = next(row for row in render(diff, width=width).splitlines() if row.startswith("aten::mm "))
        assert " ".join(row.split()) == f"aten::mm −29.2 ms 42.1 ms 13.0 ms 0.31×{count}"


def test_a_trace_and_itself_differ_in_nothing(command: Command) -> None:
    done = command("diff", A100, A100, "--json")
    diff = msgspec.json.decode(done.stdout, type=RunDiff)
    assert diff.findings == ()
    assert diff.trace is not None
    assert {change.change_us for change in (*diff.trace.operators, *diff.trace.kernels)} == {0}


def run_folder(folder: Path, trace: str | None) -> Path:
    folder.mkdir()
    (folder / "audit.json").write_bytes(msgspec.json.encode(faster()))
    if trace is not None:
        before = folder / "tensorboard" / "before"
        before.mkdir(parents=True)
        shutil.copy(TRACES / f"{trace}.json.gz", before / "steps.pt.trace.json.gz")
    return folder


def test_two_runs_are_compared_by_findings_time_and_traces(command: Command, tmp_path: Path) -> None:
    first, second = run_folder(tmp_path / "a", "cpu_toy_loop"), run_folder(tmp_path / "b", "cpu_toy_loop")
    audit = msgspec.structs.replace(faster(), findings=faster().findings[1:])
    (second / "audit.json").write_bytes(msgspec.json.encode(audit))
    diff = msgspec.json.decode(command("diff", first, second, "--json").stdout, type=RunDiff)
    assert [change.status for change in diff.findings] == ["gone"]
    assert diff.ms_per_step_before == diff.ms_per_step_after is not None
    assert diff.trace is not None
    assert diff.trace.measure == "host time"
    assert any("not timed in turn" in note for note in diff.notes)


def test_runs_without_traces_are_compared_by_the_rest(command: Command, tmp_path: Path) -> None:
    done = command("diff", run_folder(tmp_path / "a", None), run_folder(tmp_path / "b", None))
    assert done.returncode == 0
    assert "operators and kernels are not compared" in " ".join(done.stdout.split())


def test_a_folder_of_one_trace_stands_for_it(command: Command, tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "a", "cpu_toy_loop") / "tensorboard" / "before"
    assert command("diff", folder, TRACES / "cpu_toy_loop.json.gz").returncode == 0


def test_an_audit_json_stands_for_its_folder(command: Command, tmp_path: Path) -> None:
    first, second = run_folder(tmp_path / "a", None), run_folder(tmp_path / "b", None)
    assert command("diff", first / "audit.json", second / "audit.json").returncode == 0


def test_what_was_left_out_of_a_trace_is_told(command: Command, tmp_path: Path) -> None:
    whole = make.write(
        tmp_path, [make.operator("aten::add", 0, 5), make.operator("aten::mul", 9, 5)], name="whole.json"
    )
    lame = make.write(tmp_path, [make.operator("aten::add", 0, 5), make.operator("aten::mul", 9, -5)], name="lame.json")
    diff = msgspec.json.decode(command("diff", whole, lame, "--json").stdout, type=RunDiff)
    assert diff.trace is not None
    assert [note for note in diff.trace.notes if "left out" in note] == [
        "lame.json: 1 events with a negative or impossible duration were left out."
    ]


def test_a_trace_and_a_run_are_not_compared(command: Command, tmp_path: Path) -> None:
    done = command("diff", run_folder(tmp_path / "a", None), A100)
    assert done.returncode == 2
    assert "give two of a sort" in sentence_of(done)


def test_a_folder_without_anything_is_refused(command: Command, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    done = command("diff", "nothing", A100)
    assert done.returncode == 2
    assert "audit.json" in sentence_of(done)
