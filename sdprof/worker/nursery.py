"""A process that has imported torch and nothing else, and forks a worker from itself whenever one is wanted.

An audit starts some twenty workers, and ``import torch`` takes seconds; so do the libraries of a target, which the
nursery imports as well once a first worker has shown which they are. It runs no user code, computes nothing and starts
no thread, so its children begin as clean as freshly started processes; they share its pages.

Run as ``python -m sdprof.worker.nursery SOCKET_FD``. One message a worker: three file descriptors (requests, replies,
output). It answers with the process id, and later with ``pid status`` for every worker that ended.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import select
import signal
import socket
import sys
from typing import NoReturn

from sdprof.worker.end_with_parent import end_with_parent
from sdprof.worker.protocol import LEARN_LIBRARIES, START_WORKER

DESCRIPTORS = 3


def main(descriptor: int) -> None:
    """Fork workers until the parent hangs up."""
    end_with_parent()
    import torch  # noqa: F401  the whole point: every worker is born with it

    wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
    with socket.socket(fileno=descriptor) as parent:
        while True:
            readable, _, _ = select.select([parent.fileno(), wake_read], [], [])
            if wake_read in readable:
                with contextlib.suppress(BlockingIOError):
                    os.read(wake_read, 4096)
                _report_ended(parent)
            if parent.fileno() in readable:
                message, descriptors, _, _ = socket.recv_fds(parent, len(START_WORKER), DESCRIPTORS)
                if not message:
                    return
                if message == LEARN_LIBRARIES:
                    _learn(descriptors[0])
                else:
                    _start_worker(parent, list(descriptors), (wake_read, wake_write))


def _learn(descriptor: int) -> None:
    """Import the libraries that a target was seen to import: its next workers are born with them."""
    with open(descriptor, encoding="utf-8") as names:
        for name in names.read().splitlines():
            # What does not import on its own here is imported by the target, in its own way.
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def _start_worker(parent: socket.socket, descriptors: list[int], wake: tuple[int, int]) -> None:
    process_id = os.fork()
    if process_id == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (*wake, parent.detach()):
            os.close(descriptor)
        _become_worker(*descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    parent.sendall(f"{process_id} started\n".encode())


def _become_worker(requests: int, replies: int, output: int) -> NoReturn:
    os.setsid()  # a whole group to kill: a target may start processes of its own
    end_with_parent()
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    from sdprof.worker.serve import serve

    serve(requests, replies)
    os._exit(0)


def _report_ended(parent: socket.socket) -> None:
    while True:
        try:
            process_id, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if process_id == 0:
            return
        parent.sendall(f"{process_id} {os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    main(int(sys.argv[1]))
