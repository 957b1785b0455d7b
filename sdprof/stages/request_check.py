"""Wrong calls are found before anything is started or written."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from sdprof.collectors.registry import COLLECTOR_MODULES
from sdprof.fixes.registry import all_fixes
from sdprof.stages.request import AuditRequest
from sdprof.target import TargetDeclaration

SIMULATED = "simulated"
DTYPES = ("float32", "float16", "bfloat16")
DEVICES = ("auto", "cpu", "cuda", "simulated")


class WrongCallError(Exception):
    """The command was called in a way that cannot work: one sentence that says what to change."""


def checked_request(request: AuditRequest, declaration: TargetDeclaration, settings: Sequence[str]) -> AuditRequest:
    """Check an order against what there is, and add the target's own settings (``NAME=VALUE``).

    :raises WrongCallError: for an unknown size, dtype, device, fix or collector, a setting that is none, or a
        checkpoint that is not there.
    """
    size = request.options.get("size")
    if size is not None and not declaration.sizes:
        raise WrongCallError(f"The target {declaration.name} has but one size; leave --size away.")
    if size is not None:
        _check("size", str(size), declaration.sizes)
    if request.options.get("dtype") is not None:
        _check("dtype", str(request.options["dtype"]), DTYPES)
    device = str(request.options.get("device"))
    if not _is_device(device):
        raise WrongCallError(f"There is no device {device!r}; choose from auto, cpu, cuda, cuda:N and simulated.")
    if request.without_values and device != SIMULATED:
        raise WrongCallError("--no-values is a way to run on the simulated device; add --device simulated.")
    if device == SIMULATED and (request.only_fixes or request.lossy_fixes):
        raise WrongCallError("On the simulated device nothing is timed and no fix is tried; leave --fix away.")
    weights = request.options.get("weights")
    if weights is not None and not Path(str(weights)).is_file():
        raise WrongCallError(f"The checkpoint {weights} is not there.")
    known_fixes = {fix.id: fix for fix in all_fixes()}
    for fix in (*request.only_fixes, *request.without_fixes, *request.lossy_fixes):
        _check("fix", fix, known_fixes)
    for fix in request.lossy_fixes:
        if known_fixes[fix].numerics != "lossy":
            raise WrongCallError(f"The fix {fix} is not lossy; --allow-lossy is not needed for it.")
    for collector in request.without_collectors:
        _check("collector", collector, COLLECTOR_MODULES)
    return msgspec.structs.replace(request, extra=dict(_setting(setting) for setting in settings))


def _is_device(text: str) -> bool:
    name, colon, number = text.partition(":")
    return name in DEVICES and (not colon or (name == "cuda" and number.isdigit()))


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise WrongCallError(f"--set takes NAME=VALUE, not {text!r}.")
    return name, value


def _check(kind: str, given: str, known: Iterable[str]) -> None:
    names = sorted(known)
    if given not in names:
        near = difflib.get_close_matches(given, names, 1)
        meant = f"; did you mean {near[0]}?" if near else "."
        raise WrongCallError(f"There is no {kind} {given!r}: choose from {', '.join(names)}{meant}")
