"""SARIF: valid against the official schema, and pointing where the finding points."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from sdprof.model import AuditResult, Location
from sdprof.renderers import sarif
from sdprof.renderers.sarif_fixes import sarif_fix
from tests.renderers.samples import ROOT, SAMPLES, faster

SCHEMA = Path(__file__).parents[1] / "golden" / "sarif" / "sarif-schema-2.1.0.json"
PATCH = """\
diff --git a/loop.py b/loop.py
--- a/loop.py
+++ b/loop.py
@@ -3,4 +3,5 @@ def run():
 keep
-a = x.item()
-b = y
+a = x
+b = y
+c = z
 keep
"""


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft4Validator:
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft4Validator.check_schema(schema)
    return jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())


def run_of(result: AuditResult, root: str = ROOT) -> dict[str, Any]:
    (run,) = json.loads(sarif.render(result, root=root))["runs"]
    return dict(run)


@pytest.mark.parametrize("sample", [name for name in SAMPLES if name != "huge"])
@pytest.mark.parametrize("root", ["", ROOT])
def test_every_audit_is_valid_sarif(validator: jsonschema.Draft4Validator, sample: str, root: str) -> None:
    log = json.loads(sarif.render(SAMPLES[sample](), root=root))
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(log)] == []


def test_the_schema_would_object(validator: jsonschema.Draft4Validator) -> None:
    log = json.loads(sarif.render(faster()))
    log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startColumn"] = 0
    assert list(validator.iter_errors(log))


def test_findings_point_at_their_columns() -> None:
    results = {result["ruleId"]: result for result in run_of(faster())["results"]}
    softmax = results["naive-attention"]["locations"][0]["physicalLocation"]
    assert softmax["artifactLocation"] == {"uri": "attention.py", "uriBaseId": "SRCROOT"}
    region = softmax["region"]
    cut = region["snippet"]["text"][region["startColumn"] - 1 : region["endColumn"] - 1]
    assert cut == "scores.softmax(dim=-1)"


def test_columns_are_utf16_where_the_line_is_not_ascii() -> None:
    code = 'x = "é🙂" + y.item()'
    start = len(code[: code.index("y.item")].encode())
    where = Location(file="/r/a.py", line=7, column=start, end_line=7, end_column=len(code.encode()), code=code)
    result = faster()
    finding = msgspec.structs.replace(result.findings[0], locations=(where,))
    (written,) = run_of(msgspec.structs.replace(result, findings=(finding,)))["results"]
    region = written["locations"][0]["physicalLocation"]["region"]
    utf16 = code.encode("utf-16-le")
    assert utf16[2 * (region["startColumn"] - 1) : 2 * (region["endColumn"] - 1)].decode("utf-16-le") == "y.item()"


def test_what_has_no_place_and_what_passed_is_no_result() -> None:
    result = faster()
    homeless = msgspec.structs.replace(result.findings[0], locations=())
    run = run_of(msgspec.structs.replace(result, findings=(homeless, *result.findings[1:])))
    assert all(one["locations"] for one in run["results"])
    assert not {"recompiles", "empty-profile"} & {one["ruleId"] for one in run["results"]}
    notes = [note["message"]["text"] for note in run["invocations"][0]["toolExecutionNotifications"]]
    assert any(homeless.title in note for note in notes)
    assert any("There is no GPU here" in note for note in notes)


def test_rules_are_where_results_say() -> None:
    run = run_of(faster())
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]


def test_every_result_has_its_own_fingerprint() -> None:
    prints = [result["partialFingerprints"]["sdprof/v1"] for result in run_of(faster())["results"]]
    assert len(set(prints)) == len(prints) > 1


def test_a_patch_becomes_a_fix_that_gives_the_new_file(validator: jsonschema.Draft4Validator) -> None:
    fix = sarif_fix(PATCH, "Do not read on the host", lambda path: {"uri": path})
    assert fix is not None
    log = json.loads(sarif.render(faster()))
    log["runs"][0]["results"][0]["fixes"] = [fix]
    assert list(validator.iter_errors(log)) == []
    lines = ["one", "two", "keep", "a = x.item()", "b = y", "keep"]
    (change,) = fix["artifactChanges"]
    assert change["artifactLocation"] == {"uri": "loop.py"}
    (replacement,) = change["replacements"]
    region = replacement["deletedRegion"]
    assert (region["startColumn"], region["endColumn"]) == (1, 1)
    inserted = replacement["insertedContent"]["text"].splitlines()
    lines[region["startLine"] - 1 : region["endLine"] - 1] = inserted
    assert lines == ["one", "two", "keep", "a = x", "b = y", "c = z", "keep"]


def test_the_audits_patch_is_offered_where_it_cures(validator: jsonschema.Draft4Validator) -> None:
    run = run_of(faster())
    fixed = {result["ruleId"]: result["fixes"] for result in run["results"] if "fixes" in result}
    assert set(fixed) == {"sync-in-loop"}
    ((fix,),) = fixed.values()
    (change,) = fix["artifactChanges"]
    assert change["artifactLocation"] == {"uri": "plms.py", "uriBaseId": "SRCROOT"}
    assert change["replacements"][0]["deletedRegion"]["startLine"] == 188


def test_the_patch_is_offered_once_however_many_it_cures() -> None:
    result = faster()
    (cured,) = [finding for finding in result.findings if finding.id == "sync-in-loop"]
    elsewhere = msgspec.structs.replace(
        cured, locations=(Location(file=f"{ROOT}/other.py", line=1),), title="Another, which stands first"
    )
    run = run_of(msgspec.structs.replace(result, findings=(elsewhere, *result.findings)))
    offering = [one for one in run["results"] if "fixes" in one]
    assert len(offering) == 1
    assert offering[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "plms.py"


def test_an_empty_patch_is_no_fix() -> None:
    assert sarif_fix("", "nothing", lambda path: {"uri": path}) is None
