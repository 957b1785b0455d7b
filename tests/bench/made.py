"""Hand-made benches with known answers."""

from __future__ import annotations

import msgspec
import numpy as np

from sdprof.comparison.bench_summary import summarise
from sdprof.model import Environment
from sdprof.model.bench import (
    BENCH_SCHEMA_VERSION,
    CONTROL_ENTRY,
    BenchFile,
    BenchSettings,
    Configuration,
    Entry,
    RoundConditions,
    RunTime,
    Series,
)

ENVIRONMENT = Environment(
    python="3.11.7", torch="2.13.0", platform="Linux", cpu="A processor (AVX512)", cores=2, gpu=None, threads=2
)
SETTINGS = BenchSettings(
    target="sd21",
    configurations="seed",
    size="tiny",
    steps=5,
    batch_size=1,
    height=None,
    width=None,
    dtype=None,
    device="cpu",
    seed=1,
    n_iter=2,
)
RESOLVED: dict[str, str | int | None] = {"size": "tiny", "steps": 5, "height": 128, "width": 128, "dtype": "float32"}


def series(seconds: dict[str, list[float | None]], *, missing: tuple[str, ...] = (), **settings: object) -> Series:
    """A series with these seconds, None where a run failed; what is missing was not available."""
    entries = tuple(
        Entry(
            configuration=Configuration(id=each, label=f"configuration {each}", target="sd21-original"),
            not_available="it is not installed" if each in missing else "",
            settings={} if each in missing else RESOLVED,
            numerics="rounding",
            first_run_seconds=None if each in missing else 3.0,
        )
        for each in sorted({*seconds, *missing} - {CONTROL_ENTRY})
    )
    runs = tuple(
        RunTime(round=number, entry=entry, seconds=value, failure="" if value else "it crashed with SIGSEGV")
        for entry, values in seconds.items()
        for number, value in enumerate(values)
    )
    rounds = max(len(values) for values in seconds.values())
    made = Series(
        settings=msgspec.structs.replace(SETTINGS, **settings),
        rounds_wanted=rounds,
        wanted_reference="B",
        started="2026-01-01T00:00:00+00:00",
        sdprof_version="0.1.0",
        environment=ENVIRONMENT,
        entries=entries,
        runs=runs,
        conditions=tuple(RoundConditions(round=number) for number in range(rounds)),
    )
    return msgspec.structs.replace(made, summary=summarise(made))


def machine(*made: Series, device: str = "A processor (AVX512)") -> BenchFile:
    return BenchFile(schema_version=BENCH_SCHEMA_VERSION, machine=f"{device}, a host", device_name=device, series=made)


def noisy(mean: float, rounds: int, random: np.random.Generator) -> list[float | None]:
    """Runs with 2% noise about a mean."""
    return [float(mean * np.exp(random.normal(0, 0.02))) for _ in range(rounds)]
