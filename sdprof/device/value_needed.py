"""A run without values came to a place where a value decides what happens next."""

from __future__ import annotations

from sdprof.device.expression import Frame, explain, running_frames


class ValueNeededError(RuntimeError):
    """A value that was not computed decides the way; the message names the expression that asked for it."""

    def __init__(self, what: str) -> None:
        frames = explain(running_frames())
        self.frames: tuple[Frame, ...] = frames
        place = f" at {frames[0].file}:{frames[0].line}, in {frames[0].function}" if frames else ""
        super().__init__(
            f"{what}{place}: a run without values has none to give, and does not invent one. "
            "Run with values, or at a smaller size."
        )
