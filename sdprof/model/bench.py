"""A benchmark's result: one file a machine, to which every further bench of that machine is appended."""

from __future__ import annotations

import msgspec

from sdprof.model.artifacts import Environment
from sdprof.model.audit import Interval, Parity, Verdict
from sdprof.model.metadata import Numerics

BENCH_SCHEMA_VERSION = 1
CONTROL_ENTRY = "reference again"
"""The A/A control: the reference once more, in a worker of its own."""

MATTERING_PACKAGES = ("diffusers", "xformers", "openvino")
"""Beside PyTorch: rounds with one version of these are not continued with another."""


class RunTime(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one variant."""

    round: int
    entry: str
    """Id of the variant; the A/A control is an entry of its own."""
    seconds: float | None
    """None where the run failed."""
    failure: str = ""
    """Why it failed."""


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """What takes part in a bench: a target, set up in one way."""

    id: str
    """A letter, as in the article: A, B, …"""
    label: str
    target: str
    extra: dict[str, str] = {}
    """Settings of the target beside those that all configurations share."""
    fixes: tuple[str, ...] = ()
    fixes_where_they_help: tuple[str, ...] = ()
    """Fixes that are left out, and said so, where they decline: a size may have nothing for them."""
    weights: str = "published"
    """Configurations with the same word here have the same tensors by the same names, and share one file of them."""
    published: str = ""
    """Its name in the published table."""

    @property
    def all_fixes(self) -> tuple[str, ...]:
        """Every fix that is tried on it."""
        return (*self.fixes, *self.fixes_where_they_help)


class BenchSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What all configurations have in common. Series of the same settings can be continued and compared."""

    target: str
    configurations: str
    """Name of the set: seed."""
    size: str | None
    steps: int | None
    batch_size: int
    height: int | None
    width: int | None
    dtype: str | None
    device: str
    seed: int
    n_iter: int
    weights: str | None = None
    threads: int | None = None
    fresh_workers: bool = False
    """Every turn starts, warms and ends its own worker, as in the article: for a device that cannot hold them all."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a configuration."""

    configuration: Configuration
    not_available: str = ""
    """Why it could not be built or warmed here; empty where it took part."""
    settings: dict[str, str | int | None] = {}
    """As the target resolved them."""
    parameters: dict[str, str | int | float | bool] = {}
    did: tuple[str, ...] = ()
    """What its fixes did, in their own words."""
    first_run_seconds: float | None = None
    """The warm-up, with whatever it compiles: apart from all rounds."""
    peak_memory_bytes: int | None = None
    numerics: Numerics | None = None
    """What its fixes and its way to compute may do to the output; None where a bench did not note it."""
    parity: Parity | None = None
    """Its output against that of the first configuration that ran."""


class RoundConditions(msgspec.Struct, frozen=True, kw_only=True):
    """What else there was while a round ran, looked at just before it."""

    round: int
    other_busy_cores: float | None = None
    """Kept busy while every worker was idle."""
    load_average: float | None = None
    cpu_mhz: float | None = None
    gpu_mhz: float | None = None
    gpu_celsius: float | None = None
    gpu_throttled: str = ""
    """The driver's reason for a lowered clock, empty where there is none."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of one configuration."""

    id: str
    rounds: int
    failed: int
    median_seconds: float | None
    low_seconds: float | None
    high_seconds: float | None
    """The exact 95% interval of the median; None under 6 rounds."""
    speedup: Interval | None
    """Against the reference, paired by round."""
    verdict: Verdict | None
    """None for the reference itself."""
    explanation: str = ""
    outlier_rounds: tuple[int, ...] = ()


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What the rounds of a series say."""

    reference: str | None
    """Id of the configuration that all others are compared with; None where none ran."""
    reference_note: str
    rows: tuple[Row, ...]
    control: Interval | None
    flags: tuple[str, ...]


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """All rounds of one batch size."""

    settings: BenchSettings
    rounds_wanted: int
    wanted_reference: str
    """Id of the configuration that the others are to be compared with, where it is available."""
    started: str
    sdprof_version: str
    environment: Environment | None
    entries: tuple[Entry, ...]
    runs: tuple[RunTime, ...] = ()
    conditions: tuple[RoundConditions, ...] = ()
    control_not_available: str = ""
    """Why the reference could not run a second time; empty where it did."""
    fresh_workers: bool = False
    """Whether every turn had a worker of its own: asked for, or because the device could not hold all at once."""
    interruptions: tuple[int, ...] = ()
    """Rounds before which it was continued with new workers."""
    summary: Summary | None = None

    @property
    def rounds_done(self) -> int:
        """Rounds that are whole."""
        return 1 + max((each.round for each in self.conditions), default=-1)


class BenchFile(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was measured on one machine."""

    schema_version: int
    machine: str
    """Device, processor and host: what two files must share to be of one machine."""
    device_name: str
    """The GPU's name, or the processor's."""
    compute_capability: str = ""
    series: tuple[Series, ...] = ()
    lost: str = ""
    """Why nothing more came from this machine; of a cluster's node that was lost."""

    @property
    def rounds_done(self) -> int:
        """Whole rounds of all series."""
        return sum(series.rounds_done for series in self.series)
