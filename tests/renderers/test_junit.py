import xml.etree.ElementTree as ET

import msgspec
import pytest

from sdprof.model import Location
from sdprof.renderers import junit
from tests.renderers.samples import SAMPLES, faster


def cases(name: str) -> dict[str, ET.Element]:
    return {
        f"{case.get('classname')}/{case.get('name')}": case
        for case in ET.fromstring(junit.render(SAMPLES[name]())).iter("testcase")
    }


@pytest.mark.parametrize("sample", SAMPLES)
def test_counts_are_those_of_the_cases(sample: str) -> None:
    root = ET.fromstring(junit.render(SAMPLES[sample]()))
    (suite,) = root
    tests = list(suite)
    assert int(suite.attrib["tests"]) == int(root.attrib["tests"]) == len(tests) > 0
    assert int(suite.attrib["failures"]) == sum(case.find("failure") is not None for case in tests)
    assert int(suite.attrib["skipped"]) == sum(case.find("skipped") is not None for case in tests)


def outcome(case: ET.Element) -> str:
    return next((child.tag for child in case if child.tag != "system-out"), "passed")


def test_a_finding_fails_while_time_can_be_gained_by_it() -> None:
    outcomes = {name.removeprefix("sdprof.").split(" at ")[0]: outcome(case) for name, case in cases("faster").items()}
    assert outcomes["findings/naive-attention"] == "failure"
    assert outcomes["findings/sync-in-loop"] == "failure"
    assert outcomes["findings/checkpoint-in-inference"] == "passed"
    assert outcomes["findings/redundant-casts"] == "skipped"
    assert outcomes["findings/recompiles"] == "passed"
    assert outcomes["comparison/speed-up"] == outcomes["comparison/same output"] == "passed"
    assert outcomes["missing/kernels"] == "skipped"


@pytest.mark.parametrize(
    ("sample", "case", "expected"),
    [
        ("slower", "speed-up", "failure"),
        ("not_shown", "speed-up", "skipped"),
        ("output_differs", "same output", "failure"),
    ],
)
def test_the_proof_is_a_test(sample: str, case: str, expected: str) -> None:
    assert outcome(cases(sample)[f"sdprof.comparison/{case}"]) == expected


def test_findings_of_one_line_are_told_apart() -> None:
    result = faster()
    where = Location(file="/r/a.py", line=7, column=4, end_line=7, end_column=12, code="x = a.item() + b.item()")
    further = msgspec.structs.replace(where, column=15, end_column=23)
    found = [msgspec.structs.replace(result.findings[0], id="sync", locations=(at,)) for at in (where, further, where)]
    root = ET.fromstring(junit.render(msgspec.structs.replace(result, findings=tuple(found))))
    names = [case.get("name") for case in root.iter("testcase") if case.get("classname") == "sdprof.findings"]
    assert names == ["sync at /r/a.py:7:5", "sync at /r/a.py:7:16", "sync at /r/a.py:7:5 #2"]


@pytest.mark.parametrize("sample", SAMPLES)
def test_no_two_cases_have_one_name(sample: str) -> None:
    names = [
        (case.get("classname"), case.get("name"))
        for case in ET.fromstring(junit.render(SAMPLES[sample]())).iter("testcase")
    ]
    assert len(names) == len(set(names))


def test_the_failing_line_is_shown() -> None:
    failing = next(case for name, case in cases("faster").items() if "naive-attention" in name)
    failure = failing.find("failure")
    assert failure is not None
    assert "scores.softmax(dim=-1)" in (failure.text or "")
    assert faster().findings[0].title in failure.attrib["message"]
