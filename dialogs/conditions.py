"""Conditions over answers: `rating <= 2 and problem != 'none'`, parsed once, evaluated safely."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_COMPARE: dict[type[ast.cmpop], Callable[[object, object], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,  # type: ignore[dict-item]  # guarded by _ordered
    ast.LtE: operator.le,  # type: ignore[dict-item]
    ast.Gt: operator.gt,  # type: ignore[dict-item]
    ast.GtE: operator.ge,  # type: ignore[dict-item]
    ast.In: lambda a, b: isinstance(b, (list, tuple)) and a in b,
    ast.NotIn: lambda a, b: isinstance(b, (list, tuple)) and a not in b,
}
_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_CONSTANTS = {"true": True, "false": False, "yes": True, "no": False, "null": None}


class ConditionError(ValueError):
    """The text is no condition; the message says what may be written."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed condition. `names` are the answers that it looks at."""

    text: str
    names: frozenset[str]
    _tree: ast.expr

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Accept names, numbers, quoted words, lists, comparisons, `and`, `or`, `not` and
        `answered(name)`. Raises ConditionError for anything else.

        >>> Condition.parse("rating <= 2").holds({"rating": 1})
        True
        """
        if len(text) > 500:
            raise ConditionError("a condition has at most 500 characters")
        try:
            tree = ast.parse(text, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise ConditionError(
                f"'{text}' is no condition: write something like rating <= 2 and answered(reason)"
            ) from None
        names: set[str] = set()
        _check(tree, names)
        return cls(text, frozenset(names), tree)

    def holds(self, answers: Mapping[str, object]) -> bool:
        """Whether it is true of these answers; an answer that is missing compares false."""
        return bool(_value(self._tree, answers))


def _check(node: ast.expr, names: set[str]) -> None:
    match node:
        case ast.BoolOp(values=values):
            for value in values:
                _check(value, names)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            _check(operand, names)
        case ast.Compare(left=left, comparators=others):
            for part in (left, *others):
                _check(part, names)
        case ast.Name(id=name):
            if name not in _CONSTANTS:
                names.add(name)
        case ast.Constant(value=bool() | int() | float() | str() | None):
            pass
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            for part in parts:
                _check(part, names)
        case ast.Call(func=ast.Name(id="answered"), args=[ast.Name(id=name)], keywords=[]):
            names.add(name)
        case _:
            raise ConditionError(
                f"'{ast.unparse(node)}' may not stand in a condition: only names of answers, "
                "numbers, quoted words, comparisons, and, or, not, answered(name)"
            )


def _value(node: ast.expr, answers: Mapping[str, object]) -> object:
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            return all(_value(value, answers) for value in values)
        case ast.BoolOp(values=values):
            return any(_value(value, answers) for value in values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _value(operand, answers)
        case ast.UnaryOp(operand=operand):
            number = _value(operand, answers)
            return -number if isinstance(number, (int, float)) else None
        case ast.Compare(left=left, ops=ops, comparators=others):
            sides = [_value(part, answers) for part in (left, *others)]
            return all(_holds(op, a, b) for op, a, b in zip(ops, sides, sides[1:], strict=False))
        case ast.Name(id=name):
            return _CONSTANTS[name] if name in _CONSTANTS else answers.get(name)
        case ast.Constant(value=value):
            return value
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return [_value(part, answers) for part in parts]
        case ast.Call(args=[ast.Name(id=name)]):
            return answers.get(name) is not None
        case _:
            raise AssertionError("checked when parsed")


def _holds(op: ast.cmpop, left: object, right: object) -> bool:
    if isinstance(op, _ORDER) and not _ordered(left, right):
        return False
    return bool(_COMPARE[type(op)](left, right))


def _ordered(left: object, right: object) -> bool:
    numbers = (int, float)
    if isinstance(left, numbers) and isinstance(right, numbers):
        return True
    return isinstance(left, str) and isinstance(right, str)
