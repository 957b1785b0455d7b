"""Hand-made traces for tests: events in microseconds, written as Kineto writes them."""

import gzip
import json
from pathlib import Path


def operator(name, start, duration, external_id=None, tid=1, shapes=None):
    args = {} if external_id is None else {"External id": external_id}
    if shapes is not None:
        args |= {"Input Dims": shapes, "Input type": ["float"] * len(shapes)}
    return complete("cpu_op", name, start, duration, 100, tid, args)


def python(name, start, duration, identifier, parent=None, tid=1, module=None):
    args = {"Python id": identifier, "Python parent id": parent}
    if module is not None:
        args["Python module id"] = module
    return complete("python_function", name, start, duration, 100, tid, args)


def annotation(name, start, duration, tid=1):
    return complete("user_annotation", name, start, duration, 100, tid, {})


def call(name, start, duration, correlation, tid=1):
    return complete("cuda_runtime", name, start, duration, 100, tid, {"correlation": correlation})


def kernel(name, start, duration, correlation, stream=7, device=0):
    args = {"correlation": correlation, "stream": stream, "device": device}
    return complete("kernel", name, start, duration, device, stream, args)


def copy(name, start, duration, correlation, size=None, stream=7, device=0):
    args = {"correlation": correlation, "stream": stream, "device": device}
    if size is not None:
        args["bytes"] = size
    return complete("gpu_memcpy", name, start, duration, device, stream, args)


def complete(category, name, start, duration, pid, tid, args):
    event = {"ph": "X", "cat": category, "name": name, "pid": pid, "tid": tid, "ts": start, "dur": duration}
    return event | {"args": args}


def write(folder: Path, events, name="trace.json", **header) -> Path:
    path = folder / name
    text = json.dumps({"schemaVersion": 1, **header, "traceEvents": list(events), "traceName": name})
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path
