"""Source rewrites as an audit serves, proves and reports them."""

from __future__ import annotations

from typing import Literal

import msgspec

from sdprof.model.metadata import Numerics
from sdprof.model.source import Location


class RewrittenFile(msgspec.Struct, frozen=True, kw_only=True):
    """A source file and the copy of it that runs in its place."""

    original: str
    """Absolute path."""
    rewritten: str
    """Absolute path of the copy, in the run folder."""


class AuditedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A source file as it was when it was audited."""

    file: str
    """Absolute path."""
    sha256: str
    root: str = ""
    """Folder that its paths in a patch are relative to: the top of its git work tree, or what it is installed under."""


class RewrittenSite(msgspec.Struct, frozen=True, kw_only=True):
    """A site that a fix rewrote, or would not."""

    fix: str
    where: Location
    """The expression that the evidence points at, in the user's own file."""
    file: str = ""
    """The file that changed; it may be a caller's. Empty where nothing did."""
    description: str = ""
    """What was done, in one sentence."""
    declined: str = ""
    """Why it was not, in one sentence."""
    proof: Literal["data", "arithmetic", ""] = ""
    """data: values are only moved or compared. arithmetic: another device or kernel computes them, so a run on a GPU
    has to confirm what was found equal here."""


class LoopTransfers(msgspec.Struct, frozen=True, kw_only=True):
    """Copies and waits inside the loop, over one whole run."""

    steps: int
    h2d: int = 0
    d2h: int = 0
    sync: int = 0
    after_first_step: int = 0
    """Of all of them, those of sites that were seen in a later step than the first."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.h2d + self.d2h + self.sync


class RewriteProof(msgspec.Struct, frozen=True, kw_only=True):
    """What was found when rewritten source ran on the device whose copies and waits were counted."""

    device: Literal["cuda", "simulated"]
    before: LoopTransfers
    after: LoopTransfers
    equal: bool
    """Whether the output there has the same bits as the unchanged source's on the same device."""
    max_rel_diff: float = 0.0
    to_confirm: bool = False
    """Some edit moves arithmetic to another device or kernel: equality on the simulated device says nothing of it."""
    per_step: float | None = None
    """Copies and waits that one step more adds, from two run lengths; None where only one was run."""


class FixRewrites(msgspec.Struct, frozen=True, kw_only=True):
    """What one source fix did to the source, and how that was proven."""

    sites: tuple[RewrittenSite, ...] = ()
    """The rewritten ones first."""
    proof: RewriteProof | None = None
    proven_together: bool = False
    """True where there was no time to prove the fix alone: the proof is of all fixes of the patch."""
    in_patch: bool = False
    """Part of ``patch.diff``."""


class Patch(msgspec.Struct, frozen=True, kw_only=True):
    """``patch.diff``: what the user is offered."""

    fixes: tuple[str, ...]
    files: tuple[AuditedFile, ...]
    text: str
    numerics: Numerics = "exact"
    proof: RewriteProof | None = None
    """Of all its fixes together."""
    note: str = ""
    """What a reader should know before applying it."""
