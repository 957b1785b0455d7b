"""The stacks from which a module was called, and the frame in which its calls repeat."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from types import CodeType, FrameType

from sdprof.collectors.hot_calls import STACK_BASE
from sdprof.collectors.loop_runs import LoopRun, LoopRuns
from sdprof.collectors.visibility import FileVisibility, Visibility


@dataclass(frozen=True, slots=True)
class SeenFrame:
    """One frame of a stack, as it was when the module was called."""

    activation: int
    """The same number in two stacks means the same frame object: one call of the function that was still running."""
    code: CodeType
    module: str
    line: int
    instruction: int
    """Offset in bytes of the running instruction, ``f_lasti``."""
    runs: tuple[LoopRun, ...] = ()
    """Which run of each loop statement around the line this was, outermost first; not told of a single statement."""


Stack = tuple[SeenFrame, ...]
"""Visible frames from the outermost in."""


class StackRecorder:
    """Takes down the stack of every call.

    Frame objects of the last call are held until the next one, so that an address in use cannot be taken for the frame
    that had it before; ``release`` lets them go, and with them the user's local variables.
    """

    def __init__(self, visibility: FileVisibility) -> None:
        self.stacks: list[Stack] = []
        self._visibility = visibility
        self._frames: list[FrameType] = []
        self._activations: list[int] = []
        self._next_activation = 0
        self._loop_runs = LoopRuns()

    def record(self) -> None:
        """Take down the stack of the caller."""
        frames: list[FrameType] = []
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code is not STACK_BASE:
            if self._visibility(frame.f_code.co_filename) is not Visibility.HIDDEN:
                frames.append(frame)
            frame = frame.f_back
        frames.reverse()
        shared = 0
        for new, old in zip(frames, self._frames, strict=False):
            if new is not old:
                break
            shared += 1
        fresh = range(self._next_activation, self._next_activation + len(frames) - shared)
        self._next_activation = fresh.stop
        self._activations = [*self._activations[:shared], *fresh]
        self._frames = frames
        self.stacks.append(
            tuple(
                SeenFrame(
                    activation,
                    frame.f_code,
                    frame.f_globals.get("__name__", ""),
                    frame.f_lineno,
                    frame.f_lasti,
                    self._loop_runs.of(frame),
                )
                for activation, frame in zip(self._activations, frames, strict=True)
            )
        )

    def release(self) -> None:
        """Let go of the frames."""
        self._frames = []
        self._loop_runs.end()


def loop_depth(stacks: Sequence[Stack]) -> int | None:
    """Index of the frame in which the calls repeat, or None where there is no repetition or no shared frame.

    It is the deepest frame that all calls share. Where a sampler was entered several times (so many images, one after
    the other), that would be the loop over images; so from there it goes on down to the deepest function that every
    call was made under, as long as it loops and each of its activations made more calls than there were activations.
    (An inner loop over the two halves of guidance, the other way round, has many activations of two calls.)
    """
    if len(stacks) < 2:
        return None
    found: int | None = None
    for depth in range(min(len(stack) for stack in stacks)):
        frames = [stack[depth] for stack in stacks]
        if any(frame.code is not frames[0].code for frame in frames):
            break
        calls = Counter(frame.activation for frame in frames)
        if len(calls) == 1:
            found = depth
        elif min(calls.values()) <= len(calls):
            break
        elif _every_activation_loops(stacks, depth):
            found = depth
    return found


def _every_activation_loops(stacks: Sequence[Stack], depth: int) -> bool:
    """Whether one instruction of each activation at ``depth`` made several calls, each of which led to the module."""
    callees: dict[int, dict[int, set[int]]] = {}
    for call, stack in enumerate(stacks):
        frame = stack[depth]
        # Activations count from 0, so that a negative number marks a call of the module itself.
        callee = stack[depth + 1].activation if depth + 1 < len(stack) else -1 - call
        callees.setdefault(frame.activation, {}).setdefault(frame.instruction, set()).add(callee)
    return all(any(len(called) > 1 for called in by_instruction.values()) for by_instruction in callees.values())


def usual_line(frames: Sequence[SeenFrame]) -> int:
    """The line at which most calls were made; of equals, the last one seen."""
    lines = Counter(frame.line for frame in reversed(frames))
    return lines.most_common(1)[0][0]


def statement_of_steps(frames: Sequence[SeenFrame], line: int) -> int | None:
    """First line of the loop statement around ``line`` that makes the steps; None where that is the innermost.

    A loop that makes one call in most of its runs (over pieces of a batch, of which there is one as a rule; trials of a
    step, of which the first succeeds) is passed over for the next one around it. One that makes several stays, for
    nothing tells two halves of guidance from images of two steps.
    """
    around = next((frame.runs for frame in frames if frame.line == line and frame.runs), ())
    for statement in reversed(around):
        calls = Counter(
            (frame.activation, each.number) for frame in frames for each in frame.runs if each.line == statement.line
        )
        single = sum(count == 1 for count in calls.values())
        if 2 * single <= len(calls):
            return None if statement is around[-1] else statement.line
    return None
