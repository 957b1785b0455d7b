"""Run py-spy on this very process, as a child that may look at its parent."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sysconfig
import time
from pathlib import Path

from sdprof.collectors.watched_run import CannotCollectError

ATTACH_SECONDS = 30.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.01

# prctl(2)
PR_SET_PTRACER = 0x59616D61
PR_SET_PTRACER_ANY = -1
PR_SET_PTRACER_NONE = 0

SAMPLING = "Sampling process"

CONTAINER_REMEDY = (
    "In a container, start it with --cap-add SYS_PTRACE; on a machine of your own, set kernel.yama.ptrace_scope to 0 "
    "or run as root."
)
# What py-spy 0.4 says → what it means, and what to do.
FAILURES = (
    (
        "Permission Denied: Try running again with elevated permissions",
        "py-spy may not look at this process: the system lets only its owner or root do so.",
        "Run sdprof as the user who owns the process, or as root. " + CONTAINER_REMEDY,
    ),
    (
        "Failed to suspend process",
        "py-spy may not stop this process to look at its stack: the system forbids ptrace (seccomp).",
        "In a container, start it with --cap-add SYS_PTRACE --security-opt seccomp=unconfined.",
    ),
    (
        "Failed to get process executable name",
        "py-spy may not read this process: the right to trace others (CAP_SYS_PTRACE) is missing.",
        CONTAINER_REMEDY,
    ),
)


def find_py_spy() -> Path:
    """The py-spy that is installed beside this Python, or any on the PATH.

    :raises CannotCollectError: if there is none.
    """
    found = shutil.which("py-spy", path=sysconfig.get_path("scripts")) or shutil.which("py-spy")
    if found is None:
        raise CannotCollectError("py-spy is not installed.", "Install it: pip install py-spy")
    return Path(found)


class PySpy:
    """One recording of this process.

    :param program: the py-spy executable.
    :param output: the speedscope file that it writes in the end.
    :param longest_seconds: it ends by itself after so long.
    """

    def __init__(self, program: Path, output: Path, rate_hz: int, longest_seconds: int) -> None:
        self._command = [
            str(program),
            "record",
            *("--pid", str(os.getpid())),
            *("--rate", str(rate_hz)),
            *("--format", "speedscope"),
            *("--output", str(output)),
            *("--duration", str(longest_seconds)),
            "--full-filenames",
            # Without this, a thread that waits (for its OpenMP workers, for a GPU) is left out.
            "--idle",
        ]
        self._output = output
        self._said = output.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None

    def attach(self) -> None:
        """Start it, and wait until it samples.

        :raises CannotCollectError: if it is refused, or hangs.
        """
        _let_trace(PR_SET_PTRACER_ANY)
        with self._said.open("wb") as said:
            try:
                self._process = subprocess.Popen(
                    self._command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
                )
            except OSError as error:
                raise CannotCollectError(
                    f"py-spy could not be started: {error.strerror}.", "Install it again: pip install py-spy"
                ) from None
        deadline = time.monotonic() + ATTACH_SECONDS
        while SAMPLING not in self._words():
            if self._process.poll() is not None:
                raise why_it_failed(self._words())
            if time.monotonic() > deadline:
                self.close()
                raise CannotCollectError(
                    f"py-spy did not begin to sample within {ATTACH_SECONDS:.0f} seconds.",
                    "Try it by hand: py-spy dump --pid PID",
                )
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """End the recording and wait for its file.

        :raises CannotCollectError: if it failed underway, or hangs.
        """
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            status = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.close()
            raise CannotCollectError(
                f"py-spy did not write its samples within {STOP_SECONDS:.0f} seconds.", "Try a lower stacks.rate_hz."
            ) from None
        if status != 0 or not self._output.is_file():
            raise why_it_failed(self._words())

    def close(self) -> None:
        """Whatever happened: leave no process, and let nobody trace this one any more."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._process = None
        _let_trace(PR_SET_PTRACER_NONE)

    def _words(self) -> str:
        return self._said.read_text(errors="replace") if self._said.is_file() else ""


def why_it_failed(words: str) -> CannotCollectError:
    """What py-spy said, as a plain sentence and a remedy."""
    for said, reason, remedy in FAILURES:
        if said.lower() in words.lower():
            return CannotCollectError(reason, remedy)
    first = next((line.strip() for line in words.splitlines() if line.strip() and "py-spy>" not in line), "no word")
    return CannotCollectError(f"py-spy failed: {first[:200]}", "Try it by hand: py-spy dump --pid PID")


def _let_trace(whom: int) -> None:
    """Under Yama's ptrace_scope 1 a process may be traced by its ancestors and by whom it names; py-spy is a child."""
    try:
        prctl = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):
        return  # not Linux: there is no Yama either
    # Fails where Yama is not in the kernel; then nothing needs to be allowed.
    prctl(ctypes.c_int(PR_SET_PTRACER), ctypes.c_ulong(whom), 0, 0, 0)
