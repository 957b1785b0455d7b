"""The JSON Schema of audit.json, made from the structs themselves: it cannot fall behind them."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from sdprof.model import SCHEMA_VERSION, AuditResult

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The schema as a mapping, valid under JSON Schema 2020-12."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:sdprof:audit:{SCHEMA_VERSION}",
        "title": "audit.json of sdprof",
        **msgspec.json.schema(AuditResult),
    }


def render() -> str:
    """The schema as text, one key a line, for a file that editors and validators read."""
    return json.dumps(schema(), indent=2) + "\n"
