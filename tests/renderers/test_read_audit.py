from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdprof.model import SCHEMA_VERSION, AuditResult
from sdprof.renderers import read_audit as module
from sdprof.renderers.read_audit import UnreadableAuditError, parse_audit, read_audit
from tests.renderers.samples import SAMPLES, everything_missing, faster

WHOLE = msgspec.json.encode(everything_missing())


@pytest.mark.parametrize("sample", SAMPLES)
def test_what_was_written_is_read(sample: str) -> None:
    result = SAMPLES[sample]()
    again = parse_audit(msgspec.json.encode(result))
    assert again == result


def test_fields_of_a_later_version_are_passed_over() -> None:
    raw = {**msgspec.to_builtins(everything_missing()), "something_new": {"a": [1]}}
    assert parse_audit(msgspec.json.encode(raw)) == everything_missing()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b" \n ", "is empty"),
        (WHOLE[: len(WHOLE) // 2], "cut off in the middle"),
        (b"not json", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[1, 2]", "not a valid audit"),
        (b'{"traceEvents": []}', "no schema_version"),
        (b'{"schema_version": null}', "no schema_version"),
        (b'{"schema_version": "1"}', "Expected `int | null`, got `str`"),
        (b'{"schema_version": 0}', "no schema version 0"),
        (f'{{"schema_version": {SCHEMA_VERSION + 1}}}'.encode(), "newer sdprof"),
        (b'{"schema_version": 1}', "missing required field `sdprof_version`"),
        (b'{"schema_version": 1, "a": ' + b"[" * 200_000, "nested too deeply"),
    ],
)
def test_what_is_no_audit_is_refused_in_one_sentence(data: bytes, words: str) -> None:
    with pytest.raises(UnreadableAuditError) as caught:
        parse_audit(data, "run/audit.json")
    message = str(caught.value)
    assert words in message
    assert message.startswith(("run/audit.json is", "run/audit.json was"))
    assert message.endswith(".")
    assert "\n" not in message


def test_a_file_beyond_the_limit_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMIT_BYTES", 100)
    with pytest.raises(UnreadableAuditError, match="larger than"):
        parse_audit(WHOLE)


@pytest.mark.parametrize("digits", [31, 400])
def test_a_count_beyond_all_floats_is_refused_and_long_texts_are_not(digits: int) -> None:
    raw = msgspec.to_builtins(everything_missing())
    raw["command"] = "9" * digits
    assert parse_audit(msgspec.json.encode(raw)).command == "9" * digits
    raw["environment"]["cores"] = 0
    data = msgspec.json.encode(raw).replace(b'"cores":0', b'"cores":' + b"9" * digits)
    with pytest.raises(UnreadableAuditError, match="more than 30 digits"):
        parse_audit(data)


def test_a_folder_stands_for_its_audit(tmp_path: Path) -> None:
    with pytest.raises(UnreadableAuditError, match="may not have finished"):
        read_audit(tmp_path)
    (tmp_path / "audit.json").write_bytes(WHOLE)
    assert read_audit(tmp_path) == read_audit(tmp_path / "audit.json") == everything_missing()


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableAuditError, match=r"There is no .*nowhere"):
        read_audit(tmp_path / "nowhere")


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_audit_is_read_or_refused(data: st.DataObject) -> None:
    damaged = bytearray(msgspec.json.encode(faster()))
    for _ in range(data.draw(st.integers(1, 5))):
        start = data.draw(st.integers(0, len(damaged) - 1))
        damaged[start : start + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=12))
    try:
        result = parse_audit(bytes(damaged))
    except UnreadableAuditError:
        return
    assert isinstance(result, AuditResult)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(UnreadableAuditError):
        parse_audit(data)
