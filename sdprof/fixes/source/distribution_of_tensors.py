"""Give distributions their numbers as tensors on the device, instead of having them copied there."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.distribution_without_check import distribution_made_by
from sdprof.fixes.source.edit import Edit
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import Sources
from sdprof.fixes.source.reading.calls import is_plain
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.number_types import number_type
from sdprof.fixes.source.reading.on_host.host_copy import in_place
from sdprof.fixes.source.reading.on_host.host_numbers import is_number
from sdprof.fixes.source.reading.seen import Values, value_of
from sdprof.model import FixMeta

META = FixMeta(
    id="distribution-of-tensors",
    title="Give distributions tensors that lie on the device already",
    kind="source",
    numerics="exact",
    removes=("host-to-device-in-loop",),
    order=10,
)


def concerns(site: SiteEvidence) -> bool:
    """Whether single numbers were copied to the device."""
    return site.kind == "H2D" and site.shape == ()


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``Normal(mean, 0.1)`` → ``Normal(mean, torch.full((), 0.1, device=mean.device))``.

    PyTorch makes a tensor of a number that stands beside a tensor, on the host, and copies it. The dtype is that of the
    first tensor.
    """
    source, values = sources.of(site.where.file), site.stack[0].values
    node = source.node_at(site.where)
    made = distribution_made_by(source, node)
    if made is None or not is_plain(made):
        raise DeclinedError("No distribution of torch.distributions is made in this expression")
    given = [*made.args, *(each.value for each in made.keywords if each.arg != "validate_args")]
    numbers = [each for each in given if is_number(source, each, values)]
    tensors = [each for each in given if each not in numbers]
    if not numbers or not tensors:
        raise DeclinedError("The distribution is not given a number beside a tensor")
    torch, imports = torch_name(source)
    there, dtype = _place(tensors[0], site.dtype, values)
    kinds = [number_type(source, each, values) for each in numbers]
    if not dtype and not all(each is not None and each.dtype.startswith("float") for each in kinds):
        raise DeclinedError("It was not seen that the number is a fraction, whose dtype is the default one")
    changes = [
        in_place(source, each, f"{torch}.full((), {source.code(each)}, {dtype}device={there}.device)")
        for each in numbers
    ]
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            replacements=tuple(changes),
            imports=imports,
            numerics="exact",
            proof="data",
            description="The number goes along with the kernel that fills a tensor with it: nothing is copied.",
        ),
    )


def _place(first: ast.expr, copied_as: str, values: Values) -> tuple[str, str]:
    """A tensor on the device that the first parameter is computed from, and what names the dtype of both.

    :raises DeclinedError: there is none that tells the dtype.
    """
    for each in ast.walk(first):
        seen = value_of(each, values)
        if seen is not None and (seen.kind, seen.device) == ("tensor", "cuda"):
            name = ast.unparse(each)
            if seen.dtype == copied_as:
                return name, f"dtype={name}.dtype, "
            if seen.dtype.startswith(("int", "uint", "bool")) and copied_as == "float32":
                return name, ""
    raise DeclinedError("It was not seen that the first tensor lies on the device, and of which dtype it is")
