"""What the user is offered: the source fixes that are proven, as a patch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from safetensors.numpy import load_file

from sdprof.comparison.parity import coarsest, compare_outputs
from sdprof.comparison.plan_structs import BASELINE, CONTROL, FixDecision
from sdprof.comparison.verdict import judge
from sdprof.facts.added_breaks import AddedBreak
from sdprof.model import FixMeta, Parity, Patch
from sdprof.run_folder import RunFolder
from sdprof.stages.conclude import Measurements
from sdprof.stages.measure import outputs_file
from sdprof.stages.patch import patches
from sdprof.stages.rewrite import Rewriter, Rewritten
from sdprof.stages.rewrites import audited_texts, rewritten_texts
from sdprof.stages.source_results import TRANSFER_FINDINGS
from sdprof.stages.timed_as_one import tells_nothing_here
from sdprof.stages.variants import VariantStarter, variant_id
from sdprof.worker.client import WorkerError

PATCH_FILE = "patch.diff"
CONFIRM = "The device computes what the host did before: confirm the output on a GPU."


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """The fixes in the patch, and why the other source fixes are not."""

    patch: Patch | None = None
    reasons: dict[str, str] = {}

    @property
    def fixes(self) -> tuple[str, ...]:
        """Ids of the fixes in the patch."""
        return self.patch.fixes if self.patch is not None else ()


@dataclass(frozen=True, kw_only=True)
class PatchMaker:
    """Chooses, proves and writes the patch of an audit."""

    rewritten: Rewritten
    measured: Measurements
    metas: Mapping[str, FixMeta]
    rewriter: Rewriter
    starter: VariantStarter
    folder: RunFolder
    precision: str | None

    def worth_offering(self, device: str) -> tuple[tuple[str, ...], dict[str, str]]:
        """The source fixes that a patch should have, in order, and why the others are not for it.

        A fix is in where it is part of the plan, and also where it is proven and its gain cannot be shown by time here:
        it keeps the bits or takes copies or waits out of the loop, and was not shown to be slower, where time can show
        that.

        :param device: type of the device that was timed.
        """
        reasons = {
            decision.id: _kept_out(decision, self.metas[decision.id], self.measured, device)
            for decision in self.measured.plan.decisions
            if decision.id in self.rewritten.rewrites.fixes
        }
        fixes = [self.metas[fix] for fix, reason in reasons.items() if not reason]
        in_order = sorted(fixes, key=lambda meta: (meta.order, meta.id))
        return tuple(fix.id for fix in in_order), {fix: reason for fix, reason in reasons.items() if reason}

    def offer(self, fixes: tuple[str, ...], reasons: Mapping[str, str]) -> Offer:
        """Prove fixes once more all together, and write the patch; the last one goes until the others hold.

        :param reasons: why other source fixes are not in it.
        """
        reasons = dict(reasons)
        while fixes:
            fault = self.rewriter.fault(self.rewritten.rewrites.of(fixes)) or self._fault_together(fixes)
            if not fault:
                break
            reasons[fixes[-1]] = f"Rolled back, for with the others it does not hold: {fault}"
            fixes = fixes[:-1]
        return Offer(patch=self._written(fixes) if fixes else None, reasons=reasons)

    def withdraw(self) -> None:
        """Take back the patch that was written last."""
        for written in self.folder.path.glob("patch*.diff"):
            self.folder.remove(written.name)

    def to_blame(self, fixes: tuple[str, ...], added: AddedBreak) -> str:
        """The fix whose rewrite is nearest above what broke a graph, in the same file; else the last one."""
        edits = [edit for edit in self.rewritten.rewrites.of(fixes) if added.where.file in edit.files]
        above = [edit for edit in edits if edit.where.line <= (added.where.end_line or added.where.line)]
        nearest = max(above, key=lambda edit: edit.where.line, default=None)
        return nearest.fix if nearest is not None else edits[-1].fix if edits else fixes[-1]

    def _fault_together(self, fixes: tuple[str, ...]) -> str:
        """Why these fixes cannot be offered together: the output on the device that was timed."""
        parity = self.measured.parity.get(variant_id(fixes)) or self._parity(fixes)
        if isinstance(parity, str):
            return parity
        return "" if parity.passed else f"parity failed: {parity.reason}"

    def _parity(self, fixes: tuple[str, ...]) -> Parity | str:
        file = outputs_file(self.folder, variant_id(fixes))
        try:
            worker, _ = self.starter.start(fixes)
            with worker:
                worker.run(str(file))
        except WorkerError as error:
            return error.sentence
        again = outputs_file(self.folder, CONTROL.id)
        return compare_outputs(
            load_file(outputs_file(self.folder, BASELINE.id)),
            load_file(file),
            numerics=coarsest(self.metas[fix].numerics for fix in fixes),
            precision=self.precision,
            baseline_again=load_file(again) if again.exists() else None,
        )

    def _written(self, fixes: tuple[str, ...]) -> Patch:
        edits = self.rewritten.rewrites.of(fixes)
        files = self.rewritten.rewrites.files
        texts = rewritten_texts(edits, audited_texts(self.folder, files))
        by_root = patches(texts, files)
        for name, text in zip(_names(tuple(by_root)), by_root.values(), strict=True):
            self.folder.write(name, text.encode())
        return Patch(
            fixes=fixes,
            files=tuple(each for each in files if each.file in texts),
            text="".join(by_root.values()),
            numerics=coarsest(self.metas[fix].numerics for fix in fixes),
            proof=self.rewriter.proof(edits),
            note=CONFIRM if any(edit.proof == "arithmetic" for edit in edits) else "",
        )


def _kept_out(decision: FixDecision, meta: FixMeta, measured: Measurements, device: str) -> str:
    """Why a fix is not offered, or an empty string."""
    if decision.applied:
        return ""
    with_it = (record for record in measured.records.values() if decision.id in record.fixes)
    record = min(with_it, key=lambda each: len(each.fixes), default=None)
    if record is not None and record.error:
        return f"Rolled back: {record.error}"
    if decision.parity is not None and not decision.parity.passed:
        return f"Rolled back: parity failed: {decision.parity.reason}"
    slower = judge(decision.gain, measured.plan.control).verdict == "slower"
    if slower and not tells_nothing_here(meta, device):
        return "Not offered: it was shown to be slower."
    # What it takes out of the loop was seen to be gone when the edits were chosen, else they would not have stayed.
    if meta.numerics == "exact" or TRANSFER_FINDINGS & set(meta.removes):
        return ""
    return "Not offered: it changes the rounding, and no gain was shown."


def _names(roots: tuple[str, ...]) -> list[str]:
    """``patch.diff``; where files of several folders change, one more for each further folder."""
    return [PATCH_FILE, *(f"patch-{number}.diff" for number in range(2, len(roots) + 1))]
