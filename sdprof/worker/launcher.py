"""The parent's side of starting worker processes: through a nursery where that is safe, directly elsewhere."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from sdprof.worker.protocol import LEARN_LIBRARIES, START_WORKER

START_TIMEOUT_SECONDS = 120.0
TURN_SECONDS = 0.1
"""Longest that one thread listens for the end of a worker while another may want to start one."""
WORKER_ENVIRONMENT = {
    "GOMP_SPINCOUNT": "1000",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
}
"""What would make workers differ in more than their fixes. It holds for baseline and candidates alike, and a user's own
settings are left as they are.

Several workers share the cores. OpenMP's threads spin while they wait for each other, and where one of them has lost
its core to somebody else the others burn theirs: on two shared cores a run of 0.2 s was seen to take up to 13 s.
Threads that sleep at once (OMP_WAIT_POLICY=passive) took 0.6 s for it on idle cores, for each of its small operators
wakes them anew. 1000 turns are what libgomp itself falls back to where there are more threads than cores
(GOMP_SPINCOUNT in its manual): 0.4 s, beside another busy process as well.

glibc gives freed memory back to the system where a block is large or lies at the top of the heap (mallopt(3),
M_MMAP_MAX and M_TRIM_THRESHOLD), and the kernel zeroes it page by page when it is next wanted. What lies where is
chance: of two workers of the same full-size UNet one took 300,000 page faults a run and 7.5 s, the other none and
5.5 s; and of four workers that decoded an image as well two took 1.6 million faults a run and 7.0 s, for their heap had
no hole of 32 MiB, and the others none and 5.5 s. Here every block is of the heap, and the heap is never trimmed, for a
terabyte is never free at its top: after the first run all four took no fault, and 5.4 to 5.6 s."""


STARTING = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starts-processes")
"""A process that asked to end with its parent ends with the *thread* that started it (prctl(2), PR_SET_PDEATHSIG). This
one lives as long as the interpreter, whichever thread wants a worker."""


class ChildProcess(Protocol):
    """A started worker."""

    @property
    def pid(self) -> int:
        """Process id, and id of its process group."""

    def exit_code(self, timeout_seconds: float) -> int | None:
        """Exit code once it has ended, negative for a signal; None if it has not ended in time."""


class Launcher(Protocol):
    """Starts workers."""

    def start(self, requests: int, replies: int, output: int) -> ChildProcess:
        """Start a worker that reads requests from, replies to, and prints to these file descriptors."""

    def learn(self, libraries: tuple[str, ...]) -> None:
        """Have these modules imported in all workers to come, where that saves time."""

    def apart_from(self, files: tuple[str, ...]) -> Launcher:
        """One whose workers are not born with these source files imported, as far as paths can tell."""


class LaunchError(Exception):
    """No worker could be started: one sentence that says why."""


def _popen(command: list[str], *, stdout: int, stderr: int, pass_fds: tuple[int, ...]) -> subprocess.Popen[bytes]:
    return STARTING.submit(
        subprocess.Popen,
        command,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        pass_fds=pass_fds,
        env={**WORKER_ENVIRONMENT, **os.environ},
        start_new_session=True,  # a whole group to kill: a target may start processes of its own
    ).result()


class _Spawned:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.pid = process.pid

    def exit_code(self, timeout_seconds: float) -> int | None:
        try:
            return self._process.wait(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            return None


class DirectLauncher:
    """Starts every worker as an interpreter of its own."""

    def start(self, requests: int, replies: int, output: int) -> ChildProcess:
        """Start an interpreter."""
        return _Spawned(
            _popen(
                [sys.executable, "-m", "sdprof.worker", str(requests), str(replies)],
                stdout=output,
                stderr=output,
                pass_fds=(requests, replies),
            )
        )

    def learn(self, libraries: tuple[str, ...]) -> None:
        """Nothing: every worker is a new interpreter."""

    def apart_from(self, files: tuple[str, ...]) -> Launcher:
        """Itself: every worker is a new interpreter."""
        return self


class _Forked:
    def __init__(self, pid: int, nursery: NurseryLauncher) -> None:
        self.pid = pid
        self._nursery = nursery

    def exit_code(self, timeout_seconds: float) -> int | None:
        return self._nursery.exit_code(self.pid, timeout_seconds)


class NurseryLauncher:
    """Starts one process that imports torch, and has it fork the workers. Several threads may ask it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = _popen(
                [sys.executable, "-m", "sdprof.worker.nursery", str(theirs.fileno())],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
            )
        self._unread = b""
        self._ended: dict[int, int] = {}
        self._learned: dict[str, None] = {}
        self._others: dict[tuple[str, ...], NurseryLauncher] = {}
        self._one_other_at_a_time = threading.Lock()

    def start(self, requests: int, replies: int, output: int) -> ChildProcess:
        """Have a worker forked.

        :raises LaunchError: if the nursery is gone or does not answer.
        """
        with self._lock:
            try:
                socket.send_fds(self._socket, [START_WORKER], [requests, replies, output])
            except OSError:
                raise LaunchError(self._why_gone()) from None
            deadline = time.monotonic() + START_TIMEOUT_SECONDS
            while time.monotonic() < deadline:
                for pid, word in self._messages(deadline - time.monotonic()):
                    if word == "started":
                        return _Forked(pid, self)
                    self._ended[pid] = int(word)
            raise LaunchError(f"no worker was started within {START_TIMEOUT_SECONDS:g} s")

    def learn(self, libraries: tuple[str, ...]) -> None:
        """Import libraries in the nursery; what fails there is left to the workers."""
        if set(libraries) <= self._learned.keys():
            return
        self._learned.update(dict.fromkeys(libraries))
        with tempfile.TemporaryFile() as names:
            names.write("\n".join(libraries).encode())
            names.flush()
            names.seek(0)
            with self._lock, contextlib.suppress(OSError):  # a nursery that is gone says so when a worker is wanted
                socket.send_fds(self._socket, [LEARN_LIBRARIES], [names.fileno()])

    def apart_from(self, files: tuple[str, ...]) -> Launcher:
        """Itself, or a nursery that has learned all but the packages whose names stand in these paths."""
        names = {name for file in files for name in (*Path(file).parts, Path(file).stem)}
        packages = frozenset(library.partition(".")[0] for library in self._learned)
        left_out = packages & names
        if not left_out:
            return self
        return self._other(tuple(name for name in self._learned if name.partition(".")[0] not in left_out))

    def _other(self, libraries: tuple[str, ...]) -> NurseryLauncher:
        with self._one_other_at_a_time:
            if libraries not in self._others:
                nursery = self._others[libraries] = NurseryLauncher()
                nursery.learn(libraries)
            return self._others[libraries]

    def exit_code(self, pid: int, timeout_seconds: float) -> int | None:
        """Exit code of a worker, once it has ended."""
        deadline = time.monotonic() + timeout_seconds
        while pid not in self._ended and (left := deadline - time.monotonic()) > 0:
            with self._lock, contextlib.suppress(LaunchError):
                self._ended.update({pid: int(word) for pid, word in self._messages(min(left, TURN_SECONDS))})
        return self._ended.get(pid)

    def close(self) -> None:
        """End the nursery, and those that came of it."""
        for nursery in self._others.values():
            nursery.close()
        self._socket.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def _messages(self, timeout_seconds: float) -> list[tuple[int, str]]:
        if not select.select([self._socket], [], [], max(0.0, timeout_seconds))[0]:
            return []
        try:
            data = self._socket.recv(4096)
        except ConnectionResetError:  # it ended before it took the last order
            data = b""
        if not data:
            raise LaunchError(self._why_gone())
        *lines, self._unread = (self._unread + data).split(b"\n")
        return [(int(pid), word.decode()) for pid, word in (line.split() for line in lines)]

    def _why_gone(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        said = self._process.stderr.read().decode("utf-8", "replace").strip() if self._process.stderr else ""
        last = said.splitlines()[-1] if said else f"it ended with code {self._process.returncode}"
        return f"workers cannot be started, because torch cannot be imported: {last}"


@contextmanager
def launcher() -> Iterator[Launcher]:
    """The best way to start workers here, for the length of an audit.

    Forking is only done on Linux: elsewhere system libraries do not bear it.
    """
    if sys.platform != "linux":
        yield DirectLauncher()
        return
    nursery = NurseryLauncher()
    try:
        yield nursery
    finally:
        nursery.close()
