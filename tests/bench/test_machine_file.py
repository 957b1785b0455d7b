"""One file a machine: appended to, continued, and never half written."""

import resource
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sdprof.bench.machine_file import UnreadableBenchError, file_of, read_bench, unfinished, with_series, write_bench
from sdprof.run_folder import RunFolderError
from tests.bench.made import machine, series

SECONDS: dict[str, list[float | None]] = {"A": [2.0, 2.1], "B": [1.0, 1.1]}


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    made = machine(series(SECONDS))
    write_bench(made, file_of(made, tmp_path))
    assert read_bench(file_of(made, tmp_path)) == made


def test_a_series_that_goes_on_takes_its_own_place_and_a_new_one_the_end() -> None:
    first, other = series(SECONDS), series(SECONDS, batch_size=2)
    made = machine(first, other)
    longer = msgspec.structs.replace(series({"A": [2.0] * 3, "B": [1.0] * 3}), rounds_wanted=3)
    assert [each.rounds_done for each in with_series(made, longer).series] == [3, 2]
    later = msgspec.structs.replace(first, started="2026-01-02T00:00:00+00:00")
    assert with_series(made, later).series == (first, other, later)


def test_what_lacks_rounds_is_found_by_its_settings() -> None:
    begun = series(SECONDS)
    wanted = msgspec.structs.replace(begun, rounds_wanted=10)
    assert unfinished(machine(begun), wanted) == begun
    assert unfinished(machine(begun), begun) is None
    assert unfinished(machine(series(SECONDS, n_iter=1)), wanted) is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is not a machine's bench file"),
        ("[1, 2]", "is not a machine's bench file"),
        ('{"schema_version": 99}', "newer sdprof"),
        ('{"schema_version": 1}', "is not a machine's bench file"),
    ],
)
def test_a_file_from_a_stranger_is_refused_in_a_sentence(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "x.bench.json"
    file.write_text(content)
    with pytest.raises(UnreadableBenchError, match=words):
        read_bench(file)


@pytest.fixture
def nearly_full_disk() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_keeps_the_rounds_that_were_written(tmp_path: Path, nearly_full_disk: None) -> None:
    file = tmp_path / "x.bench.json"
    small = machine()
    write_bench(small, file)
    with pytest.raises(RunFolderError, match="cannot be written"):
        write_bench(machine(*(series(SECONDS, seed=seed) for seed in range(20))), file)
    assert read_bench(file) == small
    assert list(tmp_path.iterdir()) == [file]
