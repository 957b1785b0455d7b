"""TensorBoard on this machine with a run's traces and results."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sdprof.renderers.read_audit import AUDIT_FILE, read_audit
from sdprof.viewers.cannot_view import CannotViewError
from sdprof.viewers.loopback_server import LOOPBACK
from sdprof.viewers.recorded_files import recorded_traces

PROFILER = "pytorch_profiler"
"""Name of the profiler plugin: its page opens at ``#pytorch_profiler``."""


@contextmanager
def tensorboard(run: Path, *, host: str = LOOPBACK, port: int | None = None) -> Iterator[str]:
    """Start TensorBoard, give its address, and clean up behind it. The run's folder is only read.

    :param port: None for the first free one from TensorBoard's own default on.
    :raises CannotViewError: where TensorBoard or its plugin is missing, the run has no trace, or the port is taken.
    :raises UnreadableAuditError: where the run's audit.json is damaged.
    """
    traces = recorded_traces(run)
    try:
        from tensorboard import default, program

        from sdprof.viewers.profiler_plugin import OfflineProfilerPlugin
        from sdprof.viewers.tensorboard_pages import write_pages
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("tensorboard", "torch_tb_profiler"):
            raise CannotViewError(f"TensorBoard is installed and cannot be used here: {error}.") from None
        raise CannotViewError(f"{error}: pip install tensorboard torch-tb-profiler.") from None
    except ImportError as error:
        raise CannotViewError(f"TensorBoard is installed and cannot be used here: {error}.") from None
    with tempfile.TemporaryDirectory(prefix="sdprof-view-") as temporary:
        logdir = Path(temporary)
        for side, files in traces.items():
            (logdir / side).mkdir()
            for file in files:
                (logdir / side / file.name).symlink_to(file.resolve())
        if (run / AUDIT_FILE).is_file():
            write_pages(read_audit(run), logdir)
        others = [plugin for plugin in default.get_plugins() if getattr(plugin, "plugin_name", None) != PROFILER]
        server: Any = program.TensorBoard(plugins=[*others, OfflineProfilerPlugin])
        with _quiet():
            arguments = ["tensorboard", f"--logdir={logdir}", f"--host={host}", "--load_fast=false"]
            server.configure([*arguments, *([] if port is None else [f"--port={port}"])])
            try:
                address = str(server.launch()).rstrip("/")
            except program.TensorBoardServerException:
                taken = "the ports from 6006 on are" if port is None else f"port {port} is"
                raise CannotViewError(
                    f"TensorBoard cannot listen on {host}: {taken} in use, or the address is not this machine's; "
                    "name another with --port."
                ) from None
        try:
            yield f"{address}/#{PROFILER}"
        finally:
            # The plugin parses each trace in a process of its own, and would go on after the files are gone.
            for parser in multiprocessing.active_children():
                parser.terminate()


@contextmanager
def _quiet() -> Iterator[None]:
    """TensorBoard tells on standard error that it runs without TensorFlow, which is as intended."""
    logging.getLogger("tensorboard").setLevel(logging.ERROR)
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
        yield
