"""What the simulated device reports: a copy between host and device, or a wait of the host for the device."""

from __future__ import annotations

from typing import Literal

import msgspec

from sdprof.device.expression import Frame

TransferKind = Literal["H2D", "D2H", "SYNC"]


class TransferEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One copy, or one wait."""

    kind: TransferKind
    """H2D and D2H: a tensor was copied. SYNC: the host waited for the device, to read a number or a size."""
    operator: str
    """What PyTorch ran (``aten::copy_``), or the call that waited (``torch.cuda.synchronize``)."""
    bytes: int
    """Bytes over the bus. For a SYNC the size of what was read, 0 where nothing was."""
    reason: str
    """Why it happens, in one sentence."""
    step: int
    """``Recorder.step`` at that moment: -1 before anything was set."""
    pinned: bool = False
    """The host side lies in page-locked memory."""
    non_blocking: bool = False
    """The caller asked not to wait."""
    same_content: bool | None = None
    """The same bytes as at the last visit of this expression; None at the first visit, or where nothing was moved.

    Of an expression that is visited in several steps: as at the visit of the same rank in the step before.
    """
    shape: tuple[int, ...] = ()
    dtype: str = ""
    frames: tuple[Frame, ...] = ()
    """Innermost first: the user's own code and the libraries', without PyTorch and the standard library."""

    @property
    def expression(self) -> Frame | None:
        """The innermost shown frame: where the fault is, a library or the user's own code."""
        return self.frames[0] if self.frames else None

    @property
    def user_expression(self) -> Frame | None:
        """The innermost frame of the user's own code."""
        return next((frame for frame in self.frames if not frame.library), None)
