"""The parent's handle on a worker: start it, ask it, and never wait for it without end."""

from __future__ import annotations

import contextlib
import os
import signal
from types import TracebackType
from typing import Literal, TypeVar

from sdprof.worker.launcher import DirectLauncher, Launcher, LaunchError
from sdprof.worker.output_tail import OutputTail
from sdprof.worker.protocol import (
    Build,
    Built,
    ChannelClosedError,
    ChannelTimeoutError,
    Collect,
    Collected,
    Done,
    Examine,
    Examined,
    Failed,
    NotCollected,
    Ran,
    Reply,
    Request,
    Run,
    SaveWeights,
    receive_reply,
    send,
)

Trouble = Literal["target", "fix", "overlay", "internal", "crashed", "exited", "timed out", "out of memory"]
LAST_LINES = 5
Answer = TypeVar("Answer", Built, Ran, Examined, Done)


class WorkerError(Exception):
    """A worker did not do what it was asked: one sentence, what kind of trouble, and the traceback if there is one."""

    def __init__(self, trouble: Trouble, sentence: str, detail: str = "") -> None:
        super().__init__(sentence)
        self.trouble = trouble
        self.sentence = sentence
        self.detail = detail


class Worker:
    """One child process with one variant in it. Use it as a context manager: leaving ends the process."""

    def __init__(self, *, name: str, timeout_seconds: float, launcher: Launcher | None = None) -> None:
        self.name = name
        self.timeout_seconds = timeout_seconds
        requests_read, self._requests = os.pipe()
        self._replies, replies_write = os.pipe()
        output_read, output_write = os.pipe()
        try:
            self._process = (launcher or DirectLauncher()).start(requests_read, replies_write, output_write)
        except LaunchError as error:
            raise WorkerError("internal", str(error)) from None
        finally:
            for descriptor in (requests_read, replies_write, output_write):
                os.close(descriptor)
        self.output = OutputTail(output_read)

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def process_id(self) -> int:
        """Process id of the child."""
        return self._process.pid

    def build(self, request: Build) -> Built:
        """Build a variant of the target."""
        return self._ask(request, Built)

    def save_weights(self, file: str) -> None:
        """Write the hot modules' weights where other workers can map them."""
        self._ask(SaveWeights(file=file), Done)

    def run(self, outputs_file: str | None = None) -> Ran:
        """Run the loop once and time it."""
        return self._ask(Run(outputs_file=outputs_file), Ran)

    def examine(self, request: Examine) -> Examined:
        """Try whether something works on this machine; needs no target."""
        return self._ask(request, Examined)

    def collect(self, request: Collect) -> Collected | NotCollected:
        """Run the loop once under a collector."""
        reply = self._exchange(request)
        if isinstance(reply, Collected | NotCollected):
            return reply
        raise self._unexpected(reply)

    def _ask(self, request: Request, answer: type[Answer]) -> Answer:
        reply = self._exchange(request)
        if isinstance(reply, answer):
            return reply
        raise self._unexpected(reply)

    def _exchange(self, request: Request) -> Reply:
        try:
            send(self._requests, request)
            reply = receive_reply(self._replies, self.timeout_seconds)
        except ChannelTimeoutError:
            self.close()
            raise WorkerError(
                "timed out",
                f"{self.name} gave no answer within {self.timeout_seconds:g} s and was ended; "
                "raise the limit with --timeout if the loop is only slow",
                self.output.last_lines(LAST_LINES),
            ) from None
        except ChannelClosedError:
            raise self._gone() from None
        if isinstance(reply, Failed):
            raise WorkerError(reply.kind, f"{self.name}: {reply.sentence}", reply.traceback)
        return reply

    def _unexpected(self, reply: Reply) -> WorkerError:
        return WorkerError("internal", f"{self.name} answered with {type(reply).__name__}, which was not asked for")

    def _gone(self) -> WorkerError:
        """Say why the child is no more."""
        code = self._process.exit_code(timeout_seconds=10)
        self.close()
        detail = self.output.last_lines(LAST_LINES)
        if code == -signal.SIGKILL:
            return WorkerError(
                "out of memory",
                f"{self.name} was killed by the system, most likely for want of memory; "
                "try a smaller --size, --batch-size, --height or --width",
                detail,
            )
        if code is not None and code < 0:
            return WorkerError("crashed", f"{self.name} crashed with {signal.Signals(-code).name}", detail)
        return WorkerError("exited", f"{self.name} ended itself with exit code {code} before it was done", detail)

    def close(self) -> None:
        """End the process, by force if need be. Safe to call twice."""
        for descriptor in (self._requests, self._replies):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._requests = self._replies = -1
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.exit_code(timeout_seconds=10)
        self.output.wait(timeout_seconds=2)
