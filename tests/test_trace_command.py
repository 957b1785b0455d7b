"""``sdprof trace`` on real traces: every number that was counted by hand in tests/golden/traces/README.md."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.command import Command, sentence_of
from tests.facts.trace import trace_files as make

TRACES = Path(__file__).parent / "golden" / "traces"
TABLE = {
    "mi300_sd35_4steps": (8066, 8042, 712014, 1171629, 712490, 39.2),
    "a100_train_control": (9450, 8568, 446813, 464594, 388587, 16.4),
    "v100_train_test": (15632, 9876, 801858, 745239, 717943, 3.7),
    "h100_bert": (61, 60, 307, 3908, 309, 92.1),
    "h100_qwen": (1707, 1465, 45433, 49653, 45647, 8.1),
    "a100_alexnet": (98, 79, 10692, 12920244, 66141, 99.5),
}
COPIES: dict[str, dict[tuple[str, str, str], tuple[int, int | None]]] = {
    "mi300_sd35_4steps": {
        ("H2D", "Host", "Device"): (7, 6576),
        ("D2D", "Device", "Device"): (15, 4833304),
        ("D2H", "Device", "Host"): (1, 6291456),
    },
    "a100_train_control": {
        ("H2D", "Pinned", "Device"): (150, None),
        ("D2H", "Device", "Pageable"): (60, 100896),
        ("D2D", "Device", "Device"): (18, None),
    },
    "v100_train_test": {
        ("H2D", "Pinned", "Device"): (151, None),
        ("D2H", "Device", "Pageable"): (60, None),
        ("D2D", "Device", "Device"): (4645, None),
    },
    "h100_bert": {("D2H", "Device", "Pinned"): (1, None)},
    "h100_qwen": {("D2H", "Device", "Pinned"): (1, None)},
    "a100_alexnet": {("H2D", "Pageable", "Device"): (16, 244403360)},
}
"""Bytes where the table names them."""
SYNCS = {
    "mi300_sd35_4steps": {"hipDeviceSynchronize": 3},
    "a100_train_control": {"cudaStreamSynchronize": 60, "cudaDeviceSynchronize": 1},
    "v100_train_test": {"cudaStreamSynchronize": 60, "cudaDeviceSynchronize": 1},
    "h100_bert": {"cudaDeviceSynchronize": 2, "cudaStreamSynchronize": 1},
    "h100_qwen": {"cudaDeviceSynchronize": 2, "cudaStreamSynchronize": 1},
    "a100_alexnet": {"cudaStreamSynchronize": 16, "cudaDeviceSynchronize": 5},
}


def audits_of(command: Command, folder: Path, *names: str) -> dict[str, dict[str, Any]]:
    done = command("trace", *(TRACES / f"{name}.json.gz" for name in names), "--out", folder)
    assert done.returncode == 0, done.stderr
    places = {name: folder / name for name in names} if len(names) > 1 else {names[0]: folder}
    assert all((place / "report.html").stat().st_size > 10_000 for place in places.values())
    return {name: json.loads((place / "audit.json").read_text()) for name, place in places.items()}


def test_every_number_that_was_counted_by_hand(command: Command, tmp_path: Path) -> None:
    audits = audits_of(command, tmp_path / "out", *TABLE)
    schema = json.loads(command("schema").stdout)
    for name, expected in TABLE.items():
        jsonschema.validate(audits[name], schema)
        trace = audits[name]["trace"]
        assert (trace["gpu_events"], trace["kernels"]) == expected[:2]
        assert tuple(round(trace[field]) for field in ("kernel_us", "span_us", "busy_us")) == expected[2:5]
        assert round(100 * trace["idle_share"], 1) == expected[5]
        copies = {
            (copy["direction"], copy["source"], copy["destination"]): (copy["count"], copy["bytes"])
            for copy in trace["copies"]
        }
        for way, (count, size) in COPIES[name].items():
            assert copies.pop(way) == (count, size if size is not None else copies_bytes(trace, way))
        assert not copies
        assert {sync["name"]: sync["count"] for sync in trace["syncs"]} == SYNCS[name]


def copies_bytes(trace: dict[str, Any], way: tuple[str, str, str]) -> int:
    (size,) = (
        copy["bytes"] for copy in trace["copies"] if (copy["direction"], copy["source"], copy["destination"]) == way
    )
    assert size > 0
    return int(size)


def test_a_recorded_diffusion_loop_is_audited_like_a_live_one(command: Command, tmp_path: Path) -> None:
    audit = audits_of(command, tmp_path / "out", "mi300_sd35_4steps")["mi300_sd35_4steps"]
    assert audit["kind"] == "trace"
    assert audit["comparison"] is None
    assert audit["target"]["device"] == "AMD Instinct MI300X"
    found = {finding["id"]: finding for finding in audit["findings"]}
    host = found["host-work-between-kernels"]
    assert host["severity"] == "high"
    assert host["evidence"]["idle_share_of_loop_percent"] == pytest.approx(30.1, abs=0.1)
    # FlowMatchEuler looks for its first timestep: nonzero(), and the result as a number, in the first step alone.
    waits = [finding for finding in audit["findings"] if finding["id"] == "sync-in-loop"]
    assert {finding["evidence"]["operator"] for finding in waits} == {"aten::nonzero", "aten::_local_scalar_dense"}
    assert all(finding["evidence"]["steps"] == "1 of 4, the first alone" for finding in waits)
    assert all(finding["locations"][0]["function"] == "index_for_timestep" for finding in waits)
    assert found["unoverlapped-copy"]["status"] == "passed"
    assert found["recompiles"]["status"] == "passed"  # one compiled region, version 0
    lacking = next(gap["section"] for gap in audit["missing"] if "operators by expression" in gap["reason"])
    assert "naive-attention" in lacking


def test_a_training_trace_has_its_copies_and_waits(command: Command, tmp_path: Path) -> None:
    audit = audits_of(command, tmp_path / "out", "a100_train_control")["a100_train_control"]
    sites = audit["transfers"]["baseline"]["sites"]
    # The table's 60 copies to the host: 36 tensors, and 24 numbers; each came with one of the 60 waits.
    counts = {(site["kind"], site["op"]): site["count"] for site in sites if site["in_loop"]}
    assert counts == {
        ("H2D", "aten::copy_"): 150,
        ("D2H", "aten::copy_"): 36,
        ("SYNC", "aten::_local_scalar_dense"): 24,
    }
    assert [site["op"] for site in sites if not site["in_loop"]] == ["cudaDeviceSynchronize"]
    found = {finding["id"] for finding in audit["findings"] if finding["status"] == "open"}
    assert {"launch-bound", "unoverlapped-copy", "device-to-host-in-loop", "sync-in-loop"} <= found


def test_large_copies_from_pageable_memory_are_found(command: Command, tmp_path: Path) -> None:
    audit = audits_of(command, tmp_path / "out", "a100_alexnet")["a100_alexnet"]
    (pageable,) = (finding for finding in audit["findings"] if finding["id"] == "pageable-copy")
    assert pageable["evidence"]["bytes_per_visit"] == round(244403360 / 16)
    assert pageable["status"] == "open"


def test_no_torch_is_imported(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom sdprof import cli\n"
        "try:\n    cli.main()\nexcept SystemExit as end:\n    assert end.code == 0, end.code\n"
        "assert 'torch' not in sys.modules and 'diffusers' not in sys.modules\n"
    )
    arguments = ["trace", TRACES / "h100_bert.json.gz", "--out", tmp_path / "out"]
    subprocess.run([sys.executable, "-c", program, *map(str, arguments)], check=True, timeout=120)


BROKEN = {
    "empty.json": (b"", "is empty"),
    "text.json": (b"hello", "is not JSON"),
    "cut.json.gz": (gzip.compress(b'{"traceEvents": [{"ph": "X"', mtime=0), "is cut off"),
    "half.json.gz": (gzip.compress(b'{"traceEvents": []}' * 99, mtime=0)[:-9], "gzip stream has no end"),
    "other.json": (b'{"a": 1}', "without a list traceEvents"),
    "none.json": (b'{"traceEvents": []}', "without any operator"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_bad_file_is_refused_in_a_sentence_and_nothing_is_written(
    command: Command, tmp_path: Path, name: str
) -> None:
    content, said = BROKEN[name]
    (tmp_path / name).write_bytes(content)
    good = TRACES / "h100_bert.json.gz"
    for arguments in (("trace", good, name, "--out", "out"), ("diff", good, name, "--out", "out")):
        done = command(*arguments)
        assert done.returncode == 2
        assert said in sentence_of(done)
        assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_bomb_is_refused_before_it_fills_the_memory(command: Command, tmp_path: Path) -> None:
    with gzip.open(tmp_path / "bomb.json.gz", "wb", compresslevel=9) as file:
        file.write(b'{"traceEvents": [')
        for _ in range(400):
            file.write(b'{"ph": "i"},' + b" " * (1 << 20))
    done = command("trace", "bomb.json.gz")
    assert done.returncode == 2
    assert "decompression bomb" in sentence_of(done)
    assert not (tmp_path / "reports").exists()


def test_a_frame_that_was_compiled_again_is_found(command: Command, tmp_path: Path) -> None:
    regions = ["Torch-Compiled Region: 0/0", "Torch-Compiled Region: 0/1", "Torch-Compiled Region: 1/0"]
    make.write(tmp_path, [make.operator(name, 10 * number, 5) for number, name in enumerate(regions)])
    assert command("trace", "trace.json", "--out", "out").returncode == 0
    audit = json.loads((tmp_path / "out" / "audit.json").read_text())
    (finding,) = (finding for finding in audit["findings"] if finding["id"] == "recompiles")
    assert finding["region"] == "frame 0"
    assert finding["locations"] == []


def test_an_output_folder_that_cannot_be_used(command: Command, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    trace = TRACES / "h100_bert.json.gz"
    for out, said in (("full", "is not empty"), ("file", "not a folder"), ("file/below", "not a folder")):
        done = command("trace", trace, "--out", out)
        assert done.returncode == 2
        assert said in sentence_of(done)
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "full"]


def test_events_that_cannot_be_used_are_marked_not_counted(command: Command, tmp_path: Path) -> None:
    events = [
        make.operator("aten::add", 0, 20),
        make.call("cudaLaunchKernel", 1, 2, 5),
        make.call("cudaLaunchKernel", 6, 2, 5),
        make.kernel("k", 30, 2, 5),
        make.kernel("k", 40, -3, 6),
    ]
    make.write(tmp_path, events)
    done = command("trace", "trace.json", "--out", "out")
    assert done.returncode == 0
    audit = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert (audit["trace"]["kernels"], audit["trace"]["busy_us"]) == (1, 2)
    notes = " ".join(audit["trace"]["notes"])
    assert "negative or impossible duration" in notes
    assert "correlation ids belong to more than one call" in notes
