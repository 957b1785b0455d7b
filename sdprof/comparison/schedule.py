"""Which variant runs when: every round runs every variant once, in an order that favours none."""

from __future__ import annotations

from collections.abc import Sequence


def balanced_order(entries: Sequence[str], round_index: int) -> tuple[str, ...]:
    """The entries in the order in which round ``round_index`` (from 0) runs them.

    A round is A B C …, but not always in the same order, for two things would pass for a gain: a machine that slows
    down while the round goes on, and what a variant leaves behind for its follower (caches, heat). The orders are the
    rows of a Williams square (E. J. Williams, Australian Journal of Scientific Research A 2, 1949), each followed by
    its mirror image:

    - in every two rounds, a drift that is linear in time cancels between any two entries;
    - in a cycle (m rounds where the number of entries m is even, 2m where it is odd) every entry runs equally often
      at every position, and equally often right after every other one.

    A row ends with the entry that its mirror image begins with; within a cycle this happens equally often to each.

    :param entries: names of what is to run. The A/A control is an entry of its own: the baseline once more.
    :raises ValueError: where two entries have the same name.
    """
    count = len(entries)
    if len(set(entries)) != count:
        raise ValueError(f"entries of a round must have different names, got {', '.join(entries)}")
    if count == 0:
        return ()
    rows = count // 2 if count % 2 == 0 else count
    row, mirrored = divmod(round_index % (2 * rows), 2)
    order = tuple(entries[(offset + row) % count] for offset in _zigzag(count))
    return order[::-1] if mirrored else order


def _zigzag(count: int) -> tuple[int, ...]:
    """0, m-1, 1, m-2, …: neighbours differ by every residue once, which is what balances the followers."""
    return tuple(index // 2 if index % 2 == 0 else count - 1 - index // 2 for index in range(count))


def another_round(
    *,
    rounds_done: int,
    elapsed_seconds: float,
    budget_seconds: float,
    min_rounds: int,
    max_rounds: int,
) -> bool:
    """Whether to start one more round.

    Never fewer than ``min_rounds``, never more than ``max_rounds``; between them a round is started only where one of
    the mean length so far still fits into the budget. What was measured is not looked at: to go on until a difference
    shows would find one on any machine.

    :param elapsed_seconds: wall-clock time that the rounds so far took.
    :raises ValueError: where ``min_rounds`` exceeds ``max_rounds``.
    """
    if min_rounds > max_rounds:
        raise ValueError(f"min_rounds ({min_rounds}) exceeds max_rounds ({max_rounds})")
    if rounds_done < min_rounds:
        return True
    if rounds_done >= max_rounds:
        return False
    mean_seconds = elapsed_seconds / rounds_done if rounds_done else 0.0
    return elapsed_seconds + mean_seconds <= budget_seconds
