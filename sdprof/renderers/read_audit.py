"""Reads audit.json, which may come from anybody: with limits, and with one sentence for what is wrong with it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeVar

import msgspec

from sdprof.model import SCHEMA_VERSION, AuditResult

Shape = TypeVar("Shape")
AUDIT_FILE = "audit.json"
LIMIT_BYTES = 256 * 1024 * 1024
"""The audit of a full-size model with every stack kept is about 10 MB."""

MOST_DIGITS = 30
LONG_NUMBER = re.compile(rb"[0-9]{%d}" % (MOST_DIGITS + 1))


class UnreadableAuditError(Exception):
    """One sentence that says what is wrong with the file and what to do."""


class _Head(msgspec.Struct):
    """What can be said of an audit of any version."""

    schema_version: int | None = None


def read_audit(path: Path) -> AuditResult:
    """Read ``path``: an audit.json, or the folder of a run that has one.

    :raises UnreadableAuditError: where there is no such file, or it is not an audit that this version reads.
    """
    file = path / AUDIT_FILE if path.is_dir() else path
    try:
        with file.open("rb") as stream:
            data = stream.read(LIMIT_BYTES + 1)
    except FileNotFoundError:
        hint = "the audit may not have finished" if path.is_dir() else "name a run's folder or its audit.json"
        raise UnreadableAuditError(f"There is no {file}: {hint}.") from None
    except OSError as error:
        raise UnreadableAuditError(f"{file} cannot be read: {error.strerror or error}.") from None
    return parse_audit(data, str(file))


def parse_audit(data: bytes, name: str = AUDIT_FILE) -> AuditResult:
    """Parse the bytes of an audit.json.

    :param name: what the error calls it.
    :raises UnreadableAuditError: for anything that is not an audit of a version up to ``SCHEMA_VERSION``.
    """
    if len(data) > LIMIT_BYTES:
        raise UnreadableAuditError(
            f"{name} is larger than {LIMIT_BYTES // 2**20} MiB: that is no audit; it was not read."
        )
    if not data.strip():
        raise UnreadableAuditError(f"{name} is empty: the audit did not finish; run it again.")
    version = _decode(data, _Head, name).schema_version
    if version is None:
        raise UnreadableAuditError(f"{name} is not an audit: it has no schema_version; name an audit.json of sdprof.")
    if version > SCHEMA_VERSION:
        raise UnreadableAuditError(
            f"{name} was written by a newer sdprof (schema version {version}, this one reads up to {SCHEMA_VERSION}): "
            "update sdprof."
        )
    if version < 1:
        raise UnreadableAuditError(f"{name} is not an audit: there is no schema version {version}.")
    result = _decode(data, AuditResult, name)
    if LONG_NUMBER.search(data) and _holds_a_huge_integer(msgspec.to_builtins(result)):
        raise UnreadableAuditError(
            f"{name} is not a valid audit: it holds an integer of more than {MOST_DIGITS} digits; run the audit again."
        )
    return result


def _holds_a_huge_integer(value: object) -> bool:
    """Whether something is counted that no float can hold, once it is multiplied by a unit."""
    if isinstance(value, dict):
        return any(map(_holds_a_huge_integer, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_holds_a_huge_integer, value))
    return isinstance(value, int) and abs(value) >= 10**MOST_DIGITS


def _decode(data: bytes, kind: type[Shape], name: str) -> Shape:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise UnreadableAuditError(f"{name} is not a valid audit: {_sentence(error)}; run the audit again.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        state = "cut off in the middle" if "truncated" in str(error) else f"not JSON ({_sentence(error)})"
        raise UnreadableAuditError(f"{name} is {state}: run the audit again, or fetch the file again.") from None
    except RecursionError:
        raise UnreadableAuditError(f"{name} is nested too deeply to be an audit; it was not read.") from None


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split())[:300].rstrip(".")
