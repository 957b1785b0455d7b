"""What the collectors leave: one struct an artifact, stored as JSON in the variant's folder.

Collectors write these inside the worker; facts read them in the parent. Times are seconds of the wall clock unless a
name says otherwise.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from sdprof.model.source import FunctionSite, Location

StepsFrom = Literal["calls of the hot module", "declared step function", "whole run"]


class LoopMap(msgspec.Struct, frozen=True, kw_only=True):
    """Where the sampling loop is, found from the calls of the first hot module."""

    hot_module: str
    calls: int
    """Calls of the hot module in one run."""
    loop: FunctionSite | None
    """The deepest frame that all calls share; None where the module was called once at most."""
    chain: tuple[FunctionSite, ...]
    """From the function that the loop calls down to the hot module's own forward, as seen in the last call."""
    outer: tuple[FunctionSite, ...] = ()
    """From the target's ``run`` down to the loop's caller."""
    steps_from: StepsFrom = "calls of the hot module"
    steps: int = 1
    """Steps of one run: calls of the hot module or of the declared step function; 1 where the whole run is one step."""


class LineTime(msgspec.Struct, frozen=True, kw_only=True):
    """One source line under line_profiler."""

    line: int
    hits: int
    seconds: float
    code: str


class FunctionLines(msgspec.Struct, frozen=True, kw_only=True):
    """The lines of one function."""

    file: str
    qualname: str
    first_line: int
    calls: int
    seconds: float
    lines: tuple[LineTime, ...]


class LineProfile(msgspec.Struct, frozen=True, kw_only=True):
    """line_profiler's view of one run."""

    functions: tuple[FunctionLines, ...]
    run_seconds: float
    synchronised: bool
    """On CUDA, lines are only true where every kernel was awaited (launch-blocking)."""
    skipped: tuple[str, ...] = ()
    """Functions that could not be profiled, with the reason."""


class StackSamples(msgspec.Struct, frozen=True, kw_only=True):
    """py-spy's samples of the time in the loop, merged by stack."""

    rate_hz: int
    samples: int
    stacks: tuple[tuple[tuple[str, ...], int], ...]
    """(frames from the outermost in, each ``function (file:line)``; number of samples)."""
    speedscope: str = ""
    """File name of the speedscope profile beside this artifact."""
    collapsed: str = ""


Scope = Literal["in_loop", "setup", "results"]
"""When an expression ran: in the steps of the sampling loop, before the first of them, or after it outside of the
loop."""
OUTSIDE: dict[Scope, str] = {"setup": "before the loop", "results": "behind the loop"}
"""What a finding outside of the loop calls its region."""


class OperatorSite(msgspec.Struct, frozen=True, kw_only=True):
    """One operator dispatched by one expression, over all its visits inside the loop."""

    op: str
    """Dispatcher name: ``aten::_softmax``."""
    where: Location
    library: tuple[Location, ...] = ()
    """Frames of libraries between the user's expression and the operator, innermost first."""
    module_class: str = ""
    """Class of the nn.Module whose forward ran, innermost."""
    module_name: str = ""
    """Name of the first module seen here, from the hot module's on: ``unet.middle_block.0``."""
    calls: int = 0
    scope: Scope = "in_loop"
    calls_per_step: float = 0.0
    """0 outside of the loop."""
    input_shapes: tuple[tuple[int, ...], ...] = ()
    """Shapes of the tensor inputs of the largest call."""
    input_dtypes: tuple[str, ...] = ()
    output_dtype: str = ""
    output_bytes: int = 0
    """Bytes of new memory written by all calls together (views write none)."""
    largest_output_bytes: int = 0
    identical_content: bool = False
    """It copies, or makes constants, and made in each step what it had made in the step before: of nothing that the
    step computed, and nobody wrote to it. Never true where contents were not compared."""
    same_tensors: bool = False
    """And it was given the very same tensors each time, which nobody had written to in between."""


class OperatorCensus(msgspec.Struct, frozen=True, kw_only=True):
    """Which expression dispatched which operators inside the loop."""

    steps: int
    operators: int
    """Operators dispatched inside the loop, all sites together."""
    sites: tuple[OperatorSite, ...]
    outside: tuple[OperatorSite, ...] = ()
    """What was dispatched in the same run before the loop and behind it, as in decoding; in none of the counts."""
    contents_known: bool = False
    """What copies and constants made was compared from step to step."""


class ModuleCalls(msgspec.Struct, frozen=True, kw_only=True):
    """The calls of one nn.Module inside the loop."""

    name: str
    """From the hot module's on: ``unet``, ``unet.middle_block.0``."""
    class_name: str
    calls: int
    seconds: float
    """Wall-clock time inside its forward, children included."""
    flops: int
    """Multiply and add counted as two, children included (torch.utils.flop_counter)."""
    parameters: int
    leaf: bool
    distinct_inputs: int
    """Number of different input contents over all calls: 1 means that every call recomputed the same thing."""
    output_bytes: int
    computing_calls: int | None = None
    """Calls in which an operator with FLOPs ran: fewer where a module keeps its results. None: not counted."""
    where: Location | None = None
    """The expression in the user's source that calls it."""


class ModuleProfile(msgspec.Struct, frozen=True, kw_only=True):
    """Every module below the hot modules, over one run."""

    steps: int
    run_seconds: float
    modules: tuple[ModuleCalls, ...]
    synchronised: bool = False
    """On CUDA the device was awaited before and after each module, so that the seconds are its own; this slows the
    run."""


class TraceFile(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded trace of torch.profiler, and what it holds."""

    file: str
    """Name of the gzipped Chrome trace beside this artifact, as TensorBoard's profiler plugin wants it."""
    bytes: int
    """Size of that file."""
    steps: int
    """Number of ``ProfilerStep#…`` annotations: from one call of the hot module to the next, the last to its return."""
    first_step: int
    """Number of the first of them; steps count from 0."""
    whole_run: bool
    """Whether set-up and aftermath of the loop are in the trace as well."""
    with_shapes: bool
    with_memory: bool
    with_stacks: bool
    """Python frames and module calls."""
    with_cuda: bool


class GraphSite(msgspec.Struct, frozen=True, kw_only=True):
    """A line at which TorchDynamo left the graph, or a guard that made it compile again."""

    kind: Literal["break", "recompile"]
    where: Location
    reason: str
    count: int
    seen_by: tuple[str, ...] = ()
    """explain, structured trace, or both."""
    hint: str = ""


class GraphRegion(msgspec.Struct, frozen=True, kw_only=True):
    """What TorchDynamo makes of one region, with or without grad."""

    name: str
    function: str
    grad: bool
    graphs: int
    breaks: int
    recompiles: int
    operators: int = 0
    calls: int = 1
    """How many calls of the region were traced."""
    stand_in: bool = False
    """True where the hot module was replaced by a stand-in of a few operators (it has a region of its own)."""
    seconds: float = 0.0
    sites: tuple[GraphSite, ...] = ()
    error: str = ""
    """Why this region could not be analysed, or could only in part."""


class GraphProfile(msgspec.Struct, frozen=True, kw_only=True):
    """TorchDynamo's view of every region that was analysed."""

    regions: tuple[GraphRegion, ...]
    skipped: tuple[str, ...] = ()
    """Regions that were left out, with the reason."""


class SeenValue(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a name stood for when an expression ran."""

    kind: Literal["tensor", "array", "number", "other"]
    """A tensor, a NumPy array or scalar, a Python number or bool, or anything else (a list, a module, None)."""
    type_name: str = ""
    """Class of anything else: ``list``, ``NoneType``, ``Generator``."""
    device: str = ""
    """Of a tensor, or what a ``torch.device`` or its name stands for: ``cpu`` or ``cuda`` (also where it is simulated).
    Of a list or tuple, that of the first tensor in it that is not on the host, else of the first tensor."""
    dtype: str = ""
    """Of a list or tuple, that of the same tensor; ``int``, ``float`` or ``bool`` where all items are such numbers."""
    shape: tuple[int, ...] = ()
    """Of a list or tuple, its length."""
    zero: bool = False
    """A number that is 0, or a small tensor or array with nothing but zeros in it."""


class SeenFrame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A frame on the stack of an event: its running expression and, where they were looked at, its values."""

    where: Location
    library: bool = False
    """Outside of the target's source roots."""
    values: dict[str, SeenValue] = {}
    """At the first visit, by the dotted names that the function uses: ``sigmas``, ``self.alphas``, ``x.device``'s owner
    ``x``. Empty where they were not looked at."""


class TransferSite(msgspec.Struct, frozen=True, kw_only=True):
    """An expression that copies between host and device, or waits for the device."""

    kind: Literal["H2D", "D2H", "SYNC"]
    op: str
    where: Location
    count: int
    bytes: int
    in_loop: bool
    scope: Scope | None = None
    """When it was first seen; None where only being in the loop was told from being outside (recorded traces)."""
    count_in_next_run: int | None = None
    """Before the loop: visits in a run that was not the first, which may have kept something. None where no second run
    was watched."""
    identical_content: bool = False
    """Every visit moved the same bytes; never true where contents were not compared."""
    steps: tuple[int, ...] = ()
    """Steps in which it was seen, from 0."""
    moments: tuple[float, ...] = ()
    """How much of a step had passed when it was seen, from 0, when the hot module is called, to 1, when it is called
    again; to the percent, each once. Counted in operators where the run was watched, in host time in a trace."""
    pinned: bool | None = False
    """The host's side of every copy is page-locked; None where that is not told."""
    non_blocking: bool = False
    callers: tuple[Location, ...] = ()
    stack: tuple[SeenFrame, ...] = ()
    """The expressions that were running at the first visit, innermost first, libraries' and the user's: what source
    rewrites start from. ``where`` is the first of the user's own."""
    dtype: str = ""
    """Of what was copied or read."""
    shape: tuple[int, ...] | None = None
    made_at: Location | None = None
    """Where the copied tensor was made on the host, in the same step; None where it was there before, or where origins
    were not watched."""
    made_by: str = ""
    """The operator that made it."""


class TransferProfile(msgspec.Struct, frozen=True, kw_only=True):
    """Copies and synchronisations of one run."""

    device: Literal["cuda", "simulated"]
    steps: int
    sites: tuple[TransferSite, ...]
    notes: tuple[str, ...] = ()
    contents_known: bool = False
    """Contents of copies were compared from visit to visit."""
    origins_known: bool = False
    """It was watched where tensors are made on the host."""
    memory_known: bool = False
    """Page-locked memory can be told from pageable memory."""


class StepMemory(msgspec.Struct, frozen=True, kw_only=True):
    """Memory at one step."""

    step: int
    peak_bytes: int
    """Highest resident set (CPU) or allocated device memory (CUDA) seen during the step."""


class MemoryProfile(msgspec.Struct, frozen=True, kw_only=True):
    """Memory over one run."""

    kind: Literal["resident", "cuda allocated"]
    before_bytes: int
    peak_bytes: int
    steps: tuple[StepMemory, ...]


class GpuPrediction(msgspec.Struct, frozen=True, kw_only=True):
    """The least time that a GPU needs for what was run: every operator at the published peaks, no gap, no launch."""

    gpu: str
    run_seconds: float
    step_seconds: float | None
    """From one call of the hot module to the next; None where it is called but once."""
    memory_bound_share: float
    """Of ``run_seconds``: in operators whose bytes take longer than their operations."""
    fits_in_memory: bool
    source: str
    """Where the peak figures come from."""


class CostProfile(msgspec.Struct, frozen=True, kw_only=True):
    """Operations, bytes and memory of one run that computed no values."""

    steps: int
    """Calls of the first hot module."""
    flops: int
    """Of the run; matrix products, convolutions and attention, multiply and add counted as two."""
    step_flops: int | None
    bytes: int
    """Each operator's inputs read once and results written once."""
    peak_memory_bytes: int
    """Live tensors on the device in blocks of 512 bytes, weights included, without fragmentation and workspaces."""
    weight_bytes: int
    """Parameters and buffers of the hot modules."""
    run_seconds: float
    """How long the run without values took here."""
    predictions: tuple[GpuPrediction, ...]


class Peaks(msgspec.Struct, frozen=True, kw_only=True):
    """What this machine reaches at best, measured: what percent-of-peak is a percentage of."""

    device: str
    dtype: str
    gemm_flops_per_second: float
    copy_bytes_per_second: float
    gemm_size: int
    copy_bytes: int


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """What it ran on."""

    python: str
    torch: str
    platform: str
    cpu: str
    cores: int
    gpu: str | None
    threads: int
    memory_bytes: int = 0
    packages: dict[str, str] = {}
    compiler: str | None = None
    """Path of the C++ compiler that torch.compile would use, or None."""
    load_average: float = 0.0
    compute_capability: str = ""
    """Of the GPU: 8.0; empty on a CPU."""
