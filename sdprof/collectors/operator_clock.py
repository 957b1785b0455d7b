"""A clock that counts operators: it tells where in a step something happens where time means nothing."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from sdprof.collectors.loop_watch import LoopWatch


class OperatorClock(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Enter it around a watched run; ``now`` is the number of operators that began so far."""

    supports_higher_order_operators = True

    def __init__(self, watch: LoopWatch) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = 0
        self._begins: list[int] = []
        watch.on_step(lambda _step: self._begins.append(self.now))

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.now += 1
        return func(*args, **(kwargs or {}))

    def moment(self, at: int) -> float | None:
        """How much of its step had passed at a reading of the clock, once the run is over.

        From 0, when the hot module is called, to 1, when it is called again. Steps without an end of their own (what
        comes before the first call, and after the last) are taken to be as long as the others. None without a step.
        """
        if not self._begins:
            return None
        step = bisect_right(self._begins, at) - 1
        whole = len(self._begins) - 1
        usual = max((self._begins[-1] - self._begins[0]) / whole if whole else self.now - self._begins[0], 1)
        if step < 0:
            return 1 - min((self._begins[0] - at) / usual, 1.0)
        length = self._begins[step + 1] - self._begins[step] if step < whole else usual
        return min((at - self._begins[step]) / max(length, 1), 1.0)
