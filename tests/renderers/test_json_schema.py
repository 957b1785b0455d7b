import gzip
import json
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from sdprof.renderers import json_schema
from tests.renderers.samples import SAMPLES, faster

GOLDEN = Path(__file__).parents[1] / "golden" / "audits"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(json_schema.render())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def raw(name: str) -> Any:
    return json.loads(msgspec.json.encode(SAMPLES[name]()))


@pytest.mark.parametrize("sample", [name for name in SAMPLES if name != "huge"])
def test_every_audit_fits_the_schema(validator: jsonschema.Draft202012Validator, sample: str) -> None:
    assert [error.message for error in validator.iter_errors(raw(sample))] == []


def test_a_recorded_audit_of_the_first_version_fits(validator: jsonschema.Draft202012Validator) -> None:
    recorded = json.loads(gzip.decompress((GOLDEN / "first_version.json.gz").read_bytes()))
    assert [error.message for error in validator.iter_errors(recorded)] == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("comparison", "verdict"), "perhaps"),
        (("comparison", "speedup", "median"), "fast"),
        (("findings", 0, "status"), "lost"),
        (("variants", 0, "timing", "seconds"), None),
        (("schema_version",), "1"),
    ],
)
def test_what_is_wrong_does_not_fit(
    validator: jsonschema.Draft202012Validator, path: tuple[Any, ...], value: Any
) -> None:
    audit = json.loads(msgspec.json.encode(faster()))
    inner = audit
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    assert not validator.is_valid(audit)


def test_the_file_in_the_package_is_this_schema() -> None:
    """Otherwise: sdprof schema > sdprof/renderers/audit.schema.json"""
    assert resources.files("sdprof.renderers").joinpath("audit.schema.json").read_text() == json_schema.render()


def test_the_schema_names_the_contract() -> None:
    audit = json_schema.schema()["$defs"]["AuditResult"]
    assert {"schema_version", "target", "variants", "comparison", "findings", "fixes", "missing"} <= set(
        audit["properties"]
    )
    assert "schema_version" in audit["required"]
