"""Tell PyTorch's transformers that a mask is to be used as it is, instead of letting them ask whether it is causal."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import Sources
from sdprof.fixes.source.reading.calls import argument, is_plain, with_argument
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.seen import value_of
from sdprof.model import FixMeta

META = FixMeta(
    id="mask-as-given",
    title="Use an attention mask without asking the device whether it is causal",
    kind="source",
    numerics="rounding",
    removes=("sync-in-loop",),
    order=12,
)
ASKED = {"TransformerEncoder": (1, "mask", 3, "is_causal"), "TransformerDecoder": (2, "tgt_mask", 6, "tgt_is_causal")}
"""Place and name of a module's mask, and of what says whether it is causal (torch.nn.modules.transformer)."""


def concerns(site: SiteEvidence) -> bool:
    """Whether one number was awaited."""
    return site.kind == "SYNC" and site.op == "aten::_local_scalar_dense"


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``self.encoder(x, mask)`` → ``self.encoder(x, mask, is_causal=False)``, of a ``torch.nn.TransformerEncoder``.

    Where nobody says so, the module compares the mask with a causal one, and waits for the answer. It only chooses a
    kernel by it: with a causal mask, the sums may come in another order.
    """
    frame = Frame(site, sources, 0)
    source, node = frame.source, frame.source.node_at(site.where)
    seen = value_of(node.func, frame.values) if isinstance(node, ast.Call) else None
    asked = ASKED.get(seen.type_name) if seen is not None else None
    if not isinstance(node, ast.Call) or asked is None or not is_plain(node):
        raise DeclinedError("It is not seen that a transformer of torch.nn is called in this expression")
    place, mask, behind, says = asked
    given = argument(node, place, mask)
    if given is None or isinstance(given, ast.Constant) or argument(node, behind, says) is not None:
        raise DeclinedError("The call has no mask of which it does not say whether it is causal")
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            replacements=(with_argument(source, node, f"{says}=False"),),
            numerics="rounding",
            proof="data",
            description="The mask is used as it is given; nobody asks the device whether it is causal.",
        ),
    )
