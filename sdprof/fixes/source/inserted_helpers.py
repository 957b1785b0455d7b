"""Functions that an edit may add to the user's module, in front of the first one that uses them.

They come where no plainer code does it. They are written to be read and kept: each stands alone, imports what it needs,
and falls back to what the code did before where it cannot be sure. An event inside a helper belongs to the expression
that calls it.
"""

from __future__ import annotations

ON_HOST = '''
def _on_host(value):
    """A host copy of a small device tensor. Its table is copied once, and again after it was written to."""
    import torch

    if not isinstance(value, torch.Tensor) or value.device.type == "cpu" or value.requires_grad:
        return value
    table = value if value._base is None else value._base
    if table.is_inference() or table.dtype != value.dtype or table.numel() > 65536 or value.is_conj() or value.is_neg():
        return value
    kept = getattr(table, "_kept_on_host", None)
    if kept is None or kept[0] != table._version:
        kept = table._kept_on_host = (table._version, table.detach().cpu())
    if kept[1].stride() != table.stride():
        return value
    return kept[1].as_strided(value.shape, value.stride(), value.storage_offset() - table.storage_offset())
'''

ON_DEVICE = '''
_KEPT_ON_DEVICE = {}


def _on_device(host, device, dtype=None):
    """``host.to(device, dtype)``, copied once for each content. The copy is shared: do not write to it."""
    import torch

    if host.device.type != "cpu" or host.requires_grad or torch.device(device).type == "cpu":
        return host.to(device, dtype)
    if host.nbytes > 65536:  # too much to compare: once for each tensor, and again after it was written to
        if host.is_inference():
            return host.to(device, dtype)
        kept = getattr(host, "_kept_on_device", None)
        if kept is None or kept[0] != (host._version, str(device), dtype):
            kept = host._kept_on_device = ((host._version, str(device), dtype), host.to(device, dtype))
        return kept[1]
    content = host.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    key = (content, host.dtype, host.shape, str(device), dtype)
    kept = _KEPT_ON_DEVICE.get(key)
    if kept is None or (kept.is_inference() and not torch.is_inference_mode_enabled()):
        if len(_KEPT_ON_DEVICE) >= 64:
            _KEPT_ON_DEVICE.clear()
        kept = _KEPT_ON_DEVICE[key] = host.to(device, dtype)
    return kept
'''

MADE_ONCE = '''
_MADE_ONCE = {}


def _made_once(make, *args, **kwargs):
    """``make(*args, **kwargs)``, kept while the same numbers and the very same tensors come, unwritten since.

    The result is shared: do not write to it.
    """
    import weakref

    import torch

    if torch.compiler.is_compiling() or (torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing()):
        return make(*args, **kwargs)
    given = (*args, *kwargs.values()) if kwargs else args
    key, bases = [getattr(make, "__code__", make), *kwargs], []
    for each in given:
        several = isinstance(each, (list, tuple))
        key.append(len(each) if several else None)
        for part in each if several else (each,):
            if isinstance(part, torch.Tensor):
                base = part._base
                if base is None:
                    base = part
                else:
                    key.append((part.dtype, part.shape, part.stride(), part.storage_offset()))
                if part.requires_grad or base.is_inference() or type(base) is torch.nn.Parameter:
                    return make(*args, **kwargs)  # gradients are wanted, writes not counted, or it may get other memory
                bases.append(base)
                key.append(id(base))
            elif isinstance(part, (int, float, str, torch.dtype, torch.device, torch.memory_format, type(None))):
                key.append(repr(part))
            else:
                return make(*args, **kwargs)
    key = tuple(key)
    versions = [base._version for base in bases]
    kept = _MADE_ONCE.get(key)
    if kept is None or kept[0] != versions or kept[1]._version != kept[2]:
        made = make(*args, **kwargs)
        if not bases or made.is_inference() or any(made is base or made._base is base for base in bases):
            return made
        if len(_MADE_ONCE) >= 64:
            _MADE_ONCE.clear()
        forgotten_with = [weakref.ref(base, lambda _: _MADE_ONCE.pop(key, None)) for base in bases]
        kept = _MADE_ONCE[key] = (versions, made, made._version, forgotten_with)
    return kept[1]
'''

INDICES_OF = '''
def _indices_of(mask, inverted=False):
    """The indices of what a boolean mask selects, or of the rest, as a tuple; found again once it was written to."""
    import torch

    if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool or mask.ndim == 0:
        index = ~mask if inverted else mask
        return index if isinstance(index, tuple) else (index,)
    base = mask if mask._base is None else mask._base
    if torch.compiler.is_compiling() or base.is_inference() or isinstance(base, torch.nn.Parameter):
        return (~mask if inverted else mask,)
    of = (id(base), base._version)
    kept = getattr(base, "_kept_indices", None)
    if kept is None or kept[0] != of or len(kept[1]) > 64:
        kept = base._kept_indices = (of, {})
    view = (mask.shape, mask.stride(), mask.storage_offset(), inverted)
    found = kept[1].get(view)
    if found is None or (found[0].is_inference() and not torch.is_inference_mode_enabled()):
        found = kept[1][view] = (~mask if inverted else mask).nonzero(as_tuple=True)
    return found
'''

SENT_AHEAD = '''
_SENT_AHEAD = {}


def _sent_ahead(draw, *args, generator=None, to, **kwargs):
    """``draw(*args, generator=generator, **kwargs).to(*to)``, sent together with the next draws of the same kind.

    What was drawn ahead is given only while the generator stands where it stood for that draw, and moves it on as the
    draw would: the numbers are the same, whoever else draws in between.
    """
    import torch

    def drawn():
        return draw(*args, **kwargs) if generator is None else draw(*args, generator=generator, **kwargs)

    drawing = torch.default_generator if generator is None else generator
    if drawing.device.type != "cpu" or torch.device(to[0]).type == "cpu" or torch.compiler.is_compiling():
        return drawn().to(*to)
    told = [(each.shape, each.stride(), each.dtype, each.device) if torch.is_tensor(each) else each for each in args]
    current = torch.cuda.current_device() if torch.cuda.is_available() else None
    key = (draw.__name__, repr(told), repr(kwargs), repr(to), current, torch.is_inference_mode_enabled())
    stands = drawing.get_state()
    of, states, draws, many = _SENT_AHEAD.get(key, (None, [], [], 0))
    if of is not drawing or not draws or not torch.equal(states[-1], stands):
        first = drawn()
        if of is drawing and many - len(draws) < 2:
            many = 1  # others draw in between: nothing is drawn ahead any more
        else:
            many = min(16 if draws or of is not drawing else 4 * many, 256, 2**26 // max(first.nbytes, 1))
        if many < 2 or first.device.type != "cpu" or first.requires_grad or not first.is_contiguous():
            _SENT_AHEAD[key] = (drawing, [], [], 1)
            return first.to(*to)
        states, draws = [stands, drawing.get_state()], [first]
        for _ in range(many - 1):
            draws.append(drawn())
            states.append(drawing.get_state())
        states, draws = states[::-1], [each.data for each in torch.stack(draws).to(*to)][::-1]
        if len(_SENT_AHEAD) >= 8:
            _SENT_AHEAD.clear()
        _SENT_AHEAD[key] = (drawing, states, draws, many)
    states.pop()
    drawing.set_state(states[-1])
    return draws.pop()
'''

FILLED = '''
def _filled(host, device, dtype=None):
    """``host.to(device, dtype)``; where all its elements are one number, that goes along with the kernel that fills."""
    import torch

    on_host = host.device.type == "cpu" and torch.device(device).type != "cpu" and not host.requires_grad
    if on_host and 0 < host.numel() <= 4096 and host.is_contiguous() and not torch.compiler.is_compiling():
        first = host.reshape(-1)[0]
        exact = dtype is None or (dtype.is_floating_point and host.dtype in (torch.float32, torch.int64, torch.bool))
        alone = bool((host == first).all()) and (host.numel() == 1 or first != 0)  # 0.0 equals -0.0, and NaN nothing
        if alone and (exact or dtype == host.dtype) and not host.is_complex():
            return torch.full(host.shape, first.item(), dtype=host.dtype, device=device).to(dtype or host.dtype)
    return host.to(device, dtype)
'''

HELPERS: dict[str, str] = {
    "_on_host": ON_HOST,
    "_on_device": ON_DEVICE,
    "_made_once": MADE_ONCE,
    "_indices_of": INDICES_OF,
    "_sent_ahead": SENT_AHEAD,
    "_filled": FILLED,
}
