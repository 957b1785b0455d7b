"""``sdprof report``: from audit.json alone, in every format, for every version."""

import gzip
import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from sdprof.renderers.format_names import FormatName
from sdprof.renderers.formats import FORMATS
from tests.command import Command, sentence_of
from tests.renderers.samples import faster

RECORDED = Path(__file__).parents[1] / "golden" / "audits" / "first_version.json.gz"
"""audit.json of a real run, from before most of today's fields."""
FORMAT_NAMES = get_args(FormatName)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "audit.json").write_bytes(msgspec.json.encode(faster()))
    return folder


def test_every_name_has_its_format() -> None:
    assert set(FORMATS) == set(FORMAT_NAMES)


def test_the_page_lands_in_the_folder(command: Command, run: Path) -> None:
    done = command("report", run)
    assert done.returncode == 0
    assert done.stdout == f"{run / 'report.html'}\n"
    assert "1.70 times as fast" in (run / "report.html").read_text()


@pytest.mark.parametrize("name", [name for name in FORMAT_NAMES if name != "html"])
def test_other_formats_are_printed_or_written(command: Command, run: Path, tmp_path: Path, name: str) -> None:
    printed = command("report", run / "audit.json", "--format", name)
    written = command("report", run, "--format", name, "--out", tmp_path)
    assert (printed.returncode, written.returncode) == (0, 0), printed.stderr + written.stderr
    assert (tmp_path / FORMATS[name].file).read_bytes().decode() == printed.stdout
    assert "sd21-original" in printed.stdout or name == "csv"


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_an_audit_of_the_first_version_renders(command: Command, tmp_path: Path, name: str) -> None:
    recorded: dict[str, Any] = json.loads(gzip.decompress(RECORDED.read_bytes()))
    assert recorded["schema_version"] == 1
    (tmp_path / "audit.json").write_text(json.dumps(recorded))
    done = command("report", tmp_path, "--format", name, "--out", "again")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "again").stat().st_size > 100


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_required_fields_alone_are_enough(command: Command, tmp_path: Path, name: str) -> None:
    whole = msgspec.to_builtins(faster())
    least = {
        field.encode_name: whole[field.encode_name] for field in msgspec.structs.fields(faster()) if field.required
    }
    assert len(least) < len(whole)
    (tmp_path / "audit.json").write_bytes(msgspec.json.encode(least))
    assert command("report", tmp_path, "--format", name, "--out", "again").returncode == 0


def test_no_audit_is_one_sentence(command: Command, tmp_path: Path) -> None:
    done = command("report", tmp_path / "nowhere")
    assert done.returncode == 2
    assert "There is no" in sentence_of(done)


def test_only_a_page_can_be_opened(command: Command, run: Path) -> None:
    done = command("report", run, "--format", "csv", "--open")
    assert done.returncode == 2
    assert "--open" in sentence_of(done)


def test_without_a_browser_it_says_where_the_page_is(
    command: Command, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webbrowser.open", lambda _: False)
    done = command("report", run, "--open")
    assert done.returncode == 1
    assert "No browser was found" in sentence_of(done)
    assert (run / "report.html").exists()


def test_a_browser_gets_the_page(command: Command, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    assert command("report", run, "--open").returncode == 0
    assert opened == [(run / "report.html").as_uri()]


def test_a_place_that_cannot_be_written_is_named(command: Command, run: Path) -> None:
    done = command("report", run, "--out", "/proc/nothing.html")
    assert done.returncode == 1
    assert "/proc/nothing.html" in sentence_of(done)
