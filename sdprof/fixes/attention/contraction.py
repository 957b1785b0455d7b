"""Einsum equations of two operands, read as batched matrix products."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Equation:
    """An einsum of two operands: one letter a dimension."""

    left: str
    right: str
    output: str


@dataclass(frozen=True)
class ScoresEquation:
    """A product over one letter whose output ends in one free letter of each operand: attention scores.

    ``rows`` and ``columns`` say for the operand whose free letter is the last but one, and the last, of the output:
    which operand it is (0 or 1), and the letters to bring it to: batch, its free letter, the contracted one.
    """

    rows: tuple[int, str]
    columns: tuple[int, str]


@dataclass(frozen=True)
class ValuesEquation:
    """A product of probabilities with values: contracted over the keys.

    ``values`` is the order of letters to bring the values to: batch, key, feature. ``result`` is the order of letters
    that the product then has: batch, query, feature.
    """

    values: str
    result: str


def parse(equation: str) -> Equation | None:
    """Read ``b i d, b j d -> b i j``; None where it is not a plain product of two operands."""
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    left, comma, right = inputs.partition(",")
    letters = (left, right, output)
    plain = arrow and comma and all(part.isalpha() and len(set(part)) == len(part) for part in letters)
    if not plain or not set(output) <= set(left) | set(right):
        return None
    if (set(left) ^ set(right)) - set(output):
        return None  # a letter of one operand that is summed away
    return Equation(left, right, output)


def as_scores(equation: Equation) -> ScoresEquation | None:
    """Read an equation as scores of queries and keys; None where it is something else."""
    contracted = (set(equation.left) & set(equation.right)) - set(equation.output)
    if len(contracted) != 1 or len(equation.output) < 2:
        return None
    batch, row, column = equation.output[:-2], equation.output[-2], equation.output[-1]
    owners = [_only_owner(letter, equation) for letter in (row, column)]
    if sorted(owners) != [0, 1]:
        return None
    inner = contracted.pop()
    return ScoresEquation((owners[0], batch + row + inner), (owners[1], batch + column + inner))


def as_values(probabilities: str, values: str, output: str, transposed: bool) -> ValuesEquation | None:
    """Read an equation as probabilities times values; None where it is something else.

    :param transposed: the probabilities' last dimension is the queries', not the keys'.
    """
    if len(probabilities) < 2:
        return None
    batch, row, column = probabilities[:-2], probabilities[-2], probabilities[-1]
    query, key = (column, row) if transposed else (row, column)
    features = set(values) - set(probabilities)
    if key not in values or key in output or query in values or len(features) != 1:
        return None
    feature = features.pop()
    result = batch + query + feature
    return ValuesEquation(batch + key + feature, result) if set(output) == set(result) else None


def _only_owner(letter: str, equation: Equation) -> int:
    """The operand that alone has a letter: 0 or 1, else -1."""
    in_left, in_right = letter in equation.left, letter in equation.right
    return -1 if in_left and in_right else 0 if in_left else 1
