"""The messages between the parent and a worker: length-prefixed MessagePack over two pipes.

User code prints where it likes: standard output is not part of the protocol.
"""

from __future__ import annotations

import os
import select
import time
from typing import Literal

import msgspec

from sdprof.model import Finding, FunctionSite, LoopMap, ModuleProfile, RewrittenFile

MESSAGE_LIMIT_BYTES = 64 * 1024 * 1024
LENGTH_BYTES = 8
SIMULATED = "simulated"
"""The device name that stands for the simulated CUDA device."""
START_WORKER = b"start"
"""What the nursery is sent, with the file descriptors of the worker to be."""
LEARN_LIBRARIES = b"learn"
"""What the nursery is sent, with the descriptor of a file of module names, a line each. As long as the other one."""


class Build(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Import the target, build its workload, apply fixes."""

    target_file: str
    target_name: str | None
    options: dict[str, str | int | None]
    """Fields of ``BuildOptions``."""
    extra: dict[str, str] = {}
    source_roots: tuple[str, ...] = ()
    fixes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    loop: LoopMap | None = None
    modules: ModuleProfile | None = None
    weights_file: str | None = None
    """Weights of the hot modules as the first worker saved them: mapped, not copied."""
    threads: int | None = None
    overlay: tuple[RewrittenFile, ...] = ()
    """Files that are served as rewritten copies; ``source_roots`` goes with it, for a target may tell its own from
    ``__file__``."""
    without_values: bool = False
    """On the simulated device: know shapes and costs, and compute nothing large."""


class HotModuleInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A hot module as it was built."""

    name: str
    class_name: str
    parameters: int
    weight_bytes: int


class Built(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The workload stands."""

    settings: dict[str, str | int | None]
    parameters: dict[str, str | int | float | bool]
    hot_modules: tuple[HotModuleInfo, ...]
    source_roots: tuple[str, ...]
    did: dict[str, tuple[str, ...]] = {}
    """What each fix did."""
    declined: dict[str, str] = {}
    """Fixes that would not act, with the reason."""
    compiled: bool = False
    libraries: tuple[str, ...] = ()
    """Installed modules that the target imported, in their order: what the nursery may import ahead for the next."""
    import_seconds: float = 0.0
    build_seconds: float = 0.0
    fix_seconds: float = 0.0
    """Applying the fixes: what they convert and pack, and the calls on which they try it."""


class SaveWeights(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Write the hot modules' weights to a file, and map them from there from now on."""

    file: str


class Run(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Run the loop once, unprofiled, and time it."""

    outputs_file: str | None = None
    """Where to write what the run returned, as safetensors; None to drop it."""


class Ran(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A run ended."""

    seconds: float
    peak_memory_bytes: int | None
    """Highest resident set (CPU) or allocated device memory (CUDA) during the run."""
    non_finite: tuple[str, ...] = ()
    """Names of outputs with NaN or infinity."""
    output_digest: str = ""
    """Of the bytes of all outputs: equal digests, equal bits."""


class Collect(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Run the loop once under a collector."""

    collector: str
    folder: str
    loop: LoopMap | None = None
    lines: tuple[str, ...] = ()
    options: dict[str, str] = {}
    outputs_file: str | None = None
    """Where to leave what the last run under the collector returned."""


class Collected(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The artifact is in its file."""

    artifact: str
    seconds: float


class NotCollected(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The collector cannot work here."""

    reason: str
    remedy: str


CheckName = Literal[
    "load",
    "memory",
    "disk",
    "torch",
    "cuda",
    "operator trace",
    "TensorBoard",
    "time by line",
    "stack samples",
    "compile",
    "simulated device",
    "openvino",
]
"""What ``sdprof doctor`` looks at, in that order: the machine while it is still idle, what changes the process last."""


class Examine(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Try whether one thing works here."""

    check: CheckName


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What an examination found."""

    name: str
    ok: bool
    finding: str
    """One sentence."""
    remedy: str = ""
    """What to do about it, or what it would add; empty where nothing is amiss."""
    optional: bool = False
    """True where an audit is whole without it."""


class Examined(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The examination is over."""

    checks: tuple[Check, ...]


class Done(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An order without a result was carried out."""


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The order failed; the worker may go on."""

    kind: Literal["target", "fix", "overlay", "internal"]
    """overlay: a file was imported before its rewritten copy could be served; a process without it may do."""
    sentence: str
    traceback: str
    where: FunctionSite | None = None


Request = Build | SaveWeights | Run | Collect | Examine
Reply = Built | Ran | Collected | NotCollected | Examined | Done | Failed
REQUESTS: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
REPLIES: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


class ChannelClosedError(Exception):
    """The other side is gone."""


class ChannelTimeoutError(Exception):
    """The other side did not answer in time."""


def send(descriptor: int, message: Request | Reply) -> None:
    """Write one message to a pipe.

    :raises ChannelClosedError: if the other side has gone.
    """
    body = msgspec.msgpack.encode(message)
    data = memoryview(len(body).to_bytes(LENGTH_BYTES, "little") + body)
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except BrokenPipeError:
        raise ChannelClosedError from None


def receive_request(descriptor: int) -> Request:
    """Wait for the parent's next message."""
    return REQUESTS.decode(_receive(descriptor, None))


def receive_reply(descriptor: int, timeout_seconds: float | None) -> Reply:
    """Wait for the worker's answer.

    :raises ChannelTimeoutError: when nothing whole came within the time.
    :raises ChannelClosedError: when the worker is gone.
    """
    return REPLIES.decode(_receive(descriptor, timeout_seconds))


def _receive(descriptor: int, timeout_seconds: float | None) -> bytes:
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    size = int.from_bytes(_receive_exactly(descriptor, LENGTH_BYTES, deadline), "little")
    if size > MESSAGE_LIMIT_BYTES:
        raise ChannelClosedError(f"a message of {size} bytes is over the limit of {MESSAGE_LIMIT_BYTES}")
    return _receive_exactly(descriptor, size, deadline)


def _receive_exactly(descriptor: int, size: int, deadline: float | None) -> bytes:
    parts: list[bytes] = []
    while size:
        wait = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not select.select([descriptor], [], [], wait)[0]:
            raise ChannelTimeoutError
        part = os.read(descriptor, min(size, 1 << 20))
        if not part:
            raise ChannelClosedError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
