"""Tables, charts and the merged table, from hand-made machines."""

import csv
import io
import itertools
import re
from html.parser import HTMLParser

import msgspec
import numpy as np
import pytest

from sdprof.comparison.parity import compare_outputs
from sdprof.model import Numerics
from sdprof.model.bench import CONTROL_ENTRY, BenchFile
from sdprof.renderers.bench import csv_table, markdown, merged, page
from sdprof.renderers.bench.improvement import improvement
from sdprof.renderers.bench.published import published_gpu, published_seconds
from tests.bench.made import ENVIRONMENT, machine, series

SECONDS: dict[str, list[float | None]] = {
    "A": [2.0] * 6,
    "B": [1.0] * 6,
    "E": [0.8] * 6,
    CONTROL_ENTRY: [1.0] * 6,
}


@pytest.fixture
def t4() -> BenchFile:
    made = series(SECONDS, missing=("C",))
    entries = tuple(
        msgspec.structs.replace(
            entry,
            configuration=msgspec.structs.replace(entry.configuration, published="original_with_xformers"),
        )
        if entry.configuration.id == "B"
        else entry
        for entry in made.entries
    )
    return machine(msgspec.structs.replace(made, entries=entries), device="Tesla T4")


def test_the_articles_figures_are_found_by_the_devices_name() -> None:
    names = {
        "Tesla P100-PCIE-16GB": "P100",
        "Tesla T4": "T4",
        "NVIDIA A10G": "A10",
        "Tesla V100-SXM2-16GB": "V100",
        "NVIDIA A100-SXM4-40GB": "A100",
        "NVIDIA H100 80GB HBM3": None,
        "NVIDIA RTX A1000": None,
    }
    assert {name: published_gpu(name) for name in names} == names
    assert published_seconds("A100", 1, "optimized_mem_efficient_compile") == 4.1
    assert published_seconds("P100", 1, "optimized_mem_efficient_compile") is None  # no compilation below SM 7.0
    # The article's headline: 38.5% on an A100, from seconds that it rounded.
    assert improvement(6.7 / 4.1) == pytest.approx(0.385, abs=0.01)


def test_markdown(t4: BenchFile) -> None:
    lines = markdown.render(t4).splitlines()
    row = {
        line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in lines if "|" in line
    }
    assert row["E"][1:4] == ["0.800 [0.800, 0.800]", "+20.0% [+20.0, +20.0]", "faster"]
    assert row["A"][2] == "−100.0% [−100.0, −100.0]"
    assert row["B"][2] == "reference"
    assert row["B"][6] == "rounding"
    assert row["C"][6] == "rounding"
    assert row["B"][8] == "16.8"
    assert row["C"][-1] == "not available: it is not installed"
    assert row["A/A"][3] == "control"


@pytest.mark.parametrize(
    ("control", "improvement", "note"),
    [
        ([1.0] * 3, "too few rounds", "what reference differs"),
        ([None] * 3, "–", "A/A not available: every round failed"),
        ([], "–", "A/A not available: no memory"),
    ],
)
def test_a_control_without_an_interval_has_a_row_too(control: list[float | None], improvement: str, note: str) -> None:
    made = series({"A": [2.0] * 3, "B": [1.0] * 3, CONTROL_ENTRY: control})
    made = msgspec.structs.replace(made, control_not_available="" if control else "no memory")
    (row,) = [line for line in markdown.render(machine(made)).splitlines() if line.startswith("| A/A")]
    assert f"| {improvement} | control | {sum(map(bool, control))} |" in row
    assert note in row
    assert note in page.render(machine(made))


def test_csv_holds_every_run(t4: BenchFile) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_table.render(t4))))
    assert len(rows) == 24
    assert [row["seconds"] for row in rows if row["entry"] == "E"] == ["0.8"] * 6
    assert {row["batch_size"] for row in rows} == {"1"}
    assert {row["set"] for row in rows} == {"sd21 seed"}
    assert {(row["size"], row["seed"], row["threads"]) for row in rows} == {("tiny", "1", "2")}
    assert {(row["sdprof"], row["python"], row["torch"]) for row in rows} == {("0.1.0", "3.11.7", "2.13.0")}
    assert {(row["diffusers"], row["xformers"], row["openvino"]) for row in rows} == {("", "", "")}
    assert {row["numerics"] for row in rows if row["entry"] == "E"} == {"rounding"}


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_draws_bars_and_lines(t4: BenchFile) -> None:
    text = page.render(t4)
    elements = Elements()
    elements.feed(text)
    heights = [float(a["height"] or 0) for tag, a in elements.found if tag == "rect" and a["class"] == "own"]
    assert heights[0] == pytest.approx(2 * heights[1], rel=0.01)  # A takes twice as long as B
    assert heights[2] == pytest.approx(0.8 * heights[1], rel=0.01)
    assert len([a for tag, a in elements.found if tag == "rect" and a["class"] == "published"]) == 1
    circles = [a for tag, a in elements.found if tag == "circle"]
    assert len(circles) == 24  # four lines of six rounds
    assert "not available" in text
    assert "<th>numerics</th>" in text
    assert text.count("<td>rounding</td>") == 4
    assert "style=" not in text.replace("style-src", "")


def test_hostile_names_stay_text() -> None:
    odd = machine(series(SECONDS), device="<script>alert(1)</script> | x")
    assert "<script>" not in page.render(odd)
    assert "<script>" not in markdown.render(odd)
    assert "<script>" not in merged.render([odd])


def test_merging_makes_the_articles_table(t4: BenchFile) -> None:
    other = machine(
        series({**SECONDS, "E": [0.5] * 6}),
        series({"A": [4.0] * 6, "C": [4.0] * 6, CONTROL_ENTRY: [4.0] * 6}, missing=("B", "E"), batch_size=2),
        device="NVIDIA A100",
    )
    lines = merged.render([t4, other]).splitlines()
    assert "| device | batch size 1 | batch size 2 |" in lines
    assert "| Tesla T4 | +20.0% [+20.0, +20.0] (E against B) | – |" in lines
    assert (
        "| NVIDIA A100 | +50.0% [+50.0, +50.0] (E against B) | +0.0% [+0.0, +0.0] (C against A, not shown) |" in lines
    )
    assert "| Tesla T4 | 2 | 1 | – | 0.800 |" in lines


def test_sets_of_configurations_are_not_mixed_in_one_table(t4: BenchFile) -> None:
    rivals = series({"A": [9.0] * 6, CONTROL_ENTRY: [9.0] * 6}, configurations="rivals")
    both = machine(*t4.series, rivals, device=t4.device_name)
    other = msgspec.structs.replace(t4, machine="Tesla T4, another host")
    lines = merged.render([both, other]).splitlines()
    tables = [line for line in lines if line.startswith("# ")]
    assert tables == [
        "# sd21 seed: improvement against the reference",
        "# sd21 seed: median seconds, batch size 1",
        "# sd21 rivals: improvement against the reference",
        "# sd21 rivals: median seconds, batch size 1",
    ]
    assert lines.count("| Tesla T4, a host | 2 | 1 | – | 0.800 |") == 1
    assert lines.count("| Tesla T4, another host | 2 | 1 | – | 0.800 |") == 1
    assert lines.count("| Tesla T4, a host | 9 |") == 1


def test_errors_of_the_output_are_told_and_lossy_ones_not_judged() -> None:
    made = series(SECONDS)
    rough = np.full((2, 2), 0.1, dtype=np.float32)
    images = {"images": np.eye(2, dtype=np.float32)}
    off = {"images": images["images"] + rough}
    entries = tuple(
        msgspec.structs.replace(entry, parity=compare_outputs(images, found, numerics=numerics))
        for entry, found, numerics in zip(
            made.entries, (images, off, off), ("rounding", "rounding", "lossy"), strict=True
        )
    )
    text = markdown.render(machine(msgspec.structs.replace(made, entries=entries)))
    rows = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("|")}
    assert "same: images equal" in rows["A"]
    assert "NOT the same: images 0.100, 20 dB" in rows["B"]
    assert "lossy: images 0.100, 20 dB" in rows["E"]


def test_what_differs_between_machines_is_said(t4: BenchFile) -> None:
    newer = series(SECONDS, n_iter=1)
    newer = msgspec.structs.replace(newer, sdprof_version="9.0")
    text = merged.render([t4, machine(newer, device="NVIDIA A100")])
    assert "iterations is 2 on Tesla T4; 1 on NVIDIA A100" in text
    assert "sdprof is 0.1.0 on Tesla T4; 9.0 on NVIDIA A100" in text
    assert "Not the same everywhere" not in merged.render([t4, t4])


def test_sizes_in_one_file_have_a_row_each(t4: BenchFile) -> None:
    full = series({**SECONDS, "E": [0.5] * 6}, size="full", threads=8)
    lines = merged.render([machine(*t4.series, full, device="Tesla T4")]).splitlines()
    assert "| Tesla T4, size tiny, threads by default | +20.0% [+20.0, +20.0] (E against B) |" in lines
    assert "| Tesla T4, size full, threads 8 | +50.0% [+50.0, +50.0] (E against B) |" in lines


def test_a_file_twice_counts_once_and_what_is_not_shown_is_said(t4: BenchFile) -> None:
    assert merged.render([t4, t4]) == merged.render([t4])
    again = msgspec.structs.replace(t4.series[0], started="2026-01-02T00:00:00+00:00")
    twice = msgspec.structs.replace(t4, series=(*t4.series, again))
    assert "On Tesla T4, 1 earlier bench of the same settings is not shown." in merged.render([twice])
    later = msgspec.structs.replace(t4, series=(again,))
    assert merged.render([later, t4]) == merged.render([twice])


@pytest.mark.parametrize(("numerics", "why"), [("rounding", "its output is NOT the same"), ("lossy", "it is lossy")])
def test_what_does_not_compute_the_same_is_no_headline(numerics: Numerics, why: str) -> None:
    made = series({**SECONDS, "D": [0.9] * 6})
    images = {"images": np.eye(2, dtype=np.float32)}
    off = compare_outputs(images, {"images": images["images"] + np.float32(0.1)}, numerics=numerics)
    entries = tuple(
        msgspec.structs.replace(entry, parity=off if entry.configuration.id == "E" else None) for entry in made.entries
    )
    text = merged.render([machine(msgspec.structs.replace(made, entries=entries), device="Tesla T4")])
    assert "| Tesla T4 | +10.0% [+10.0, +10.0] (D against B) |" in text
    assert f"E on Tesla T4, batch size 1, is no improvement: {why}." in text


def test_other_images_are_no_improvement() -> None:
    made = series(SECONDS)
    entries = tuple(msgspec.structs.replace(entry, numerics=None) for entry in made.entries)
    text = merged.render([machine(msgspec.structs.replace(made, entries=entries), device="Tesla T4")])
    assert "| Tesla T4 | – |" in text
    assert "E on Tesla T4, batch size 1, is no improvement: its output was not compared." in text
    assert "B on Tesla T4" not in text


def test_versions_threads_and_weights_that_differ_are_said(t4: BenchFile) -> None:
    other = series(SECONDS, weights="/somewhere/v2-1.ckpt")
    environment = msgspec.structs.replace(
        ENVIRONMENT, python="3.12.0", threads=8, packages={"diffusers": "0.1", "xformers": "0.2", "openvino": "0.3"}
    )
    other = msgspec.structs.replace(other, environment=environment, fresh_workers=True)
    text = merged.render([t4, machine(other, device="NVIDIA A100")])
    for said in (
        "weights is random on Tesla T4; v2-1.ckpt on NVIDIA A100",
        "threads is 2 on Tesla T4; 8 on NVIDIA A100",
        "a worker for every run is no on Tesla T4; yes on NVIDIA A100",
        "Python is 3.11.7 on Tesla T4; 3.12.0 on NVIDIA A100",
        "diffusers is not installed on Tesla T4; 0.1 on NVIDIA A100",
        "xformers is not installed on Tesla T4; 0.2 on NVIDIA A100",
        "openvino is not installed on Tesla T4; 0.3 on NVIDIA A100",
    ):
        assert said in text


def test_lines_have_their_names_where_colours_run_out() -> None:
    page_text = page.render(machine(series(SECONDS)))
    names = re.findall(r'<text x="94.20%" y="([0-9.]+)" class="tick">([^<]+)</text>', page_text)
    assert {name for _, name in names} == {"A", "B", "E", "A/A"}
    heights = sorted(float(y) for y, _ in names)
    assert all(below - above >= 10 for above, below in itertools.pairwise(heights))
