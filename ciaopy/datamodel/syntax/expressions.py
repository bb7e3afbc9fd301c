"""Arithmetic on columns and images: the expression language of dmtcalc, dmimgcalc and dmgti, parsed, never `eval`ed.

Operators, from loose to tight: `c ? a : b` and `if c then a else b`; `||`; `&&`; `|`; `&`; `== !=`; `< <= > >=`;
`<< >>`; `+ -`; `* / %`; unary `- + ! ~` and casts such as `(float)`; `^` and `**` (power, right to left). Names are
columns, images or header keys, whatever the tool supplies, without regard to case; `name[k]` is an element of a vector
or of an array column, counted from 0 (`name[i,j]` where cells have two axes, `i` along the fastest one); `name:n` is
the running mean over n samples; `text ~= part` asks whether a text contains another. Numbers may be written `6d4`.
`#pi`, `#e`, `#nan` and `#inf` are constants, any other `#name` is supplied by the tool.

An expression becomes a list of instructions for a stack, so that neither long sums nor evaluation recurse.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ciaopy.datamodel.syntax.running import smoothed
from ciaopy.errors import UserError
from ciaopy.messages import caret_message

__all__ = ["CASTS", "Expression", "cast_values", "parse_expression"]

Value = Any  # an array, a numpy scalar, or a Python number (which takes the type of the array that it meets)

CASTS: dict[str, type[np.generic]] = {
    "byte": np.uint8,
    "short": np.int16,
    "ushort": np.uint16,
    "int": np.int32,
    "uint": np.uint32,
    "long": np.int32,
    "ulong": np.uint32,
    "longlong": np.int64,
    "float": np.float32,
    "double": np.float64,
    "real": np.float32,
    "bool": np.bool_,
    "boolean": np.bool_,
}

CONSTANTS = {"#pi": np.pi, "#e": np.e, "#nan": np.nan, "#inf": np.inf}

_DEGREES: dict[str, Callable[..., Value]] = {
    "sind": lambda x: np.sin(np.radians(x)),
    "cosd": lambda x: np.cos(np.radians(x)),
    "tand": lambda x: np.tan(np.radians(x)),
    "asind": lambda x: np.degrees(np.arcsin(x)),
    "acosd": lambda x: np.degrees(np.arccos(x)),
    "atand": lambda x: np.degrees(np.arctan(x)),
}
_ONE: dict[str, Callable[..., Value]] = {
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "exp": np.exp,
    "log": np.log,
    "ln": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "fabs": np.abs,
    "floor": np.floor,
    "ceil": np.ceil,
    "rint": np.rint,
    "nint": np.rint,
    "round": lambda x: np.trunc(x + np.copysign(0.5, x)),
    "trunc": np.trunc,
    "isnan": np.isnan,
    **_DEGREES,
}
_TWO: dict[str, Callable[..., Value]] = {
    "atan2": np.arctan2,
    "pow": np.power,
    "mod": np.fmod,
    "fmod": np.fmod,
    "hypot": np.hypot,
    "min": np.minimum,
    "max": np.maximum,
}

# Binary operators by how tightly they bind; all group from the left.
_LEVELS = {
    operator: level
    for level, group in enumerate(
        (("||",), ("&&",), ("|",), ("&",), ("==", "!=", "~="), ("<", "<=", ">", ">="), ("<<", ">>"), ("+", "-"), "*/%")
    )
    for operator in group
}
_UNARY_LEVEL = 9
_MAX_DEPTH = 40
_MOST_DIGITS = 4000  # of a number: Python reads no longer ones

_TOKEN = re.compile(
    r"\s*(?:(?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?)|(?P<name>\#?[A-Za-z_]\w*)"
    r"|(?P<string>'[^']*'|\"[^\"]*\")|(?P<sign>\|\||&&|==|!=|~=|<=|>=|<<|>>|\*\*|[-+*/%^!~<>?:()\[\],|&]))",
    re.ASCII,
)


class Instruction(NamedTuple):
    """One step of the stack machine.

    `push`, `load`, `element`, `smooth`, `cast`, `unary`, `binary`, `choose`, or the name of a function.
    """

    kind: str
    operand: Any = None


class Token(NamedTuple):
    kind: str
    text: str
    position: int


@dataclass(frozen=True)
class Expression:
    """A parsed expression.

    Attributes
    ----------
    text : str
        As typed.
    names : tuple of str
        Names that `evaluate` needs, lower case, in order of appearance.
    """

    text: str
    names: tuple[str, ...]
    _program: tuple[Instruction, ...]

    def evaluate(self, values: Mapping[str, Any]) -> NDArray[Any]:
        """Return the value for every element.

        Integers are computed in 64 bits and real columns in their own precision; numbers typed in the expression take
        the precision of what they meet. `/` is always a real division, and division by zero gives inf or NaN
        (`1/-0` is inf: a whole zero has no sign; `1/-0.0` is -inf).
        Comparisons and logical operators give bool, which counts as 0 or 1 in arithmetic.

        Parameters
        ----------
        values : mapping of str to array_like
            A value for each of `names`, in any case; shapes must broadcast.

        Returns
        -------
        ndarray
            Of the broadcast shape: int64, float32, float64 or bool, or what a cast says.

        Raises
        ------
        UserError
            A name has no value, shapes do not fit, or an operation is impossible on its types.
        """
        known = {k.lower(): v for k, v in values.items()}
        missing = [n for n in self.names if n not in known]
        if missing:
            raise UserError(f"expression {self.text!r}: no {missing[0]}; there are {', '.join(known) or 'no names'}")
        stack: list[Value] = []
        try:
            with np.errstate(all="ignore"):
                for instruction in self._program:
                    _step(stack, instruction, known)
                result = np.asarray(stack.pop())
        except (TypeError, ValueError, OverflowError, IndexError) as error:
            raise UserError(f"expression {self.text!r}: {error}") from None
        return result


def _step(stack: list[Value], instruction: Instruction, known: Mapping[str, Any]) -> None:
    kind, operand = instruction
    match kind:
        case "push":
            stack.append(operand)
        case "load":
            stack.append(_widened(known[operand]))
        case "element":
            stack.append(_element(np.asarray(stack.pop()), operand))
        case "smooth":
            stack.append(smoothed(np.asarray(stack.pop()), operand))
        case "cast":
            stack.append(cast_values(np.asarray(stack.pop()), operand))
        case "unary":
            stack.append(_unary(operand, stack.pop()))
        case "binary":
            right = stack.pop()
            stack.append(_binary(operand, stack.pop(), right))
        case "choose":
            other, chosen, condition = stack.pop(), stack.pop(), stack.pop()
            stack.append(np.where(_truth(condition), chosen, other))
        case _:
            arguments = [stack.pop() for _ in range(operand)][::-1]
            stack.append(_call(kind, [_number(a) for a in arguments]))


def _element(array: NDArray[Any], index: tuple[int, ...]) -> NDArray[Any]:
    """Return an element, counted from 0, of every cell; the first index is that of the fastest axis."""
    sizes = array.shape[:0:-1]
    if len(index) != len(sizes) or any(k >= n for k, n in zip(index, sizes, strict=True)):
        shown = ",".join(str(n) for n in sizes) or "none"
        wanted = ",".join(str(k) for k in index)
        raise IndexError(f"no element [{wanted}]; elements count from 0, and a cell holds {shown}")
    place: tuple[Any, ...] = (..., *index[::-1])
    return np.asarray(array[place])


def _widened(value: Any) -> NDArray[Any]:
    array = np.asarray(value)
    if array.dtype.kind in "iu" and array.dtype != np.uint64:
        return array.astype(np.int64)
    return array


def cast_values(array: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    """Return an array of another type; reals are cut towards zero, NaN becomes 0 in integers."""
    if np.issubdtype(dtype, np.integer) and array.dtype.kind == "f":
        limits = np.iinfo(dtype)  # type: ignore[type-var]
        array = np.clip(np.nan_to_num(np.trunc(array), nan=0.0), float(limits.min), float(limits.max))
    return array.astype(dtype)


def _number(value: Value) -> Value:
    """Return a truth value as 0 or 1, everything else as it is."""
    if isinstance(value, str):
        raise TypeError(f"text {value!r} where a number is needed")
    if isinstance(value, (np.ndarray, np.generic)):
        if value.dtype.kind == "b":
            return value.astype(np.int64)
        if value.dtype.kind not in "iuf":
            raise TypeError("text where a number is needed")
    return value


def _truth(value: Value) -> Value:
    return np.not_equal(_number(value), 0)


def _unary(operator: str, value: Value) -> Value:
    if operator == "!":
        return np.logical_not(_truth(value))
    number = _number(value)
    if operator == "~":
        return np.invert(number)
    return -number if operator == "-" else number


_ARITHMETIC: dict[str, Callable[..., Value]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.true_divide,
    "%": np.fmod,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
    "&": np.bitwise_and,
    "|": np.bitwise_or,
    "<<": np.left_shift,
    ">>": np.right_shift,
}


def _binary(operator: str, left: Value, right: Value) -> Value:
    if operator == "&&":
        return _truth(left) & _truth(right)
    if operator == "||":
        return _truth(left) | _truth(right)
    if operator in ("==", "!=") and (_is_text(left) or _is_text(right)):
        same = np.asarray(_text_array(left) == _text_array(right))
        return same if operator == "==" else ~same
    if operator == "~=":
        texts, part = np.broadcast_arrays(_text_array(left), _text_array(right))
        return np.char.find(texts, part) >= 0
    left, right = _number(left), _number(right)
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        # two typed numbers: C's double or long, never Python's unlimited integers
        left, right = np.asarray(left), np.asarray(right)
        result = _power(left, right) if operator == "^" else _ARITHMETIC[operator](left, right)
        return result.item() if result.dtype.kind in "if" else result
    return _power(left, right) if operator == "^" else _ARITHMETIC[operator](left, right)


def _power(left: Value, right: Value) -> Value:
    """Return left ** right; integers stay integers only where no exponent is negative and nothing overflows."""
    if np.asarray(left).dtype.kind in "iu" and np.asarray(right).dtype.kind in "iu":
        real = np.float_power(left, right)
        if np.size(real) == 0 or (np.all(np.asarray(right) >= 0) and np.abs(real).max() < 2.0**53):
            return np.power(left, right)
        return real
    return np.power(left, right)


def _is_text(value: Value) -> bool:
    return isinstance(value, str) or (isinstance(value, np.ndarray) and value.dtype.kind in "SU")


def _text_array(value: Value) -> NDArray[Any]:
    array = np.asarray(value)
    if array.dtype.kind == "S":
        array = np.char.decode(array, "latin-1")
    if array.dtype.kind != "U":
        raise TypeError("a comparison of text with what is no text")
    return np.char.rstrip(array)


def _call(name: str, arguments: list[Value]) -> Value:
    if name in _ONE:
        return _ONE[name](*arguments)
    function = _power if name == "pow" else _TWO[name]
    value = arguments[0]
    for other in arguments[1:]:
        value = function(value, other)
    return value


class _Parser:
    """Precedence climbing over tokens; appends instructions in the order of evaluation."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._tokens()
        self.index = 0
        self.depth = 0
        self.choices = 0  # how many `?` wait for their `:` within the innermost brackets
        self.program: list[Instruction] = []
        self.names: dict[str, None] = {}

    def _fail(self, problem: str, position: int) -> UserError:
        return UserError(caret_message(problem, self.text, position, "expression"))

    def _tokens(self) -> list[Token]:
        tokens, position = [], 0
        end = len(self.text.rstrip())
        while position < end:
            match = _TOKEN.match(self.text, position)
            if match is None:
                at = position + len(self.text[position:]) - len(self.text[position:].lstrip())
                raise self._fail(f"unexpected {self.text[at]!r}", at)
            kind = str(match.lastgroup)
            tokens.append(Token(kind, match[kind], match.start(kind)))
            position = match.end()
        tokens.append(Token("end", "", end))
        return tokens

    @property
    def here(self) -> Token:
        return self.tokens[self.index]

    def _is(self, *texts: str) -> bool:
        return self.here.kind in ("sign", "name") and self.here.text.lower() in texts

    def _expect(self, text: str) -> None:
        if not self._is(text):
            found = repr(self.here.text) if self.here.text else "the end"
            raise self._fail(f"expected {text!r}, found {found}", self.here.position)
        self.index += 1

    def parse(self) -> Expression:
        self._expression()
        if self.here.kind != "end":
            raise self._fail(f"unexpected {self.here.text!r}", self.here.position)
        return Expression(self.text.strip(), tuple(self.names), tuple(self.program))

    def _expression(self) -> None:
        """Parse a conditional: `if c then a else b`, or `c ? a : b`."""
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self._fail(f"nested more than {_MAX_DEPTH} deep", self.here.position)
        if self._is("if"):
            self.index += 1
            self._expression()
            self._expect("then")
            self._expression()
            self._expect("else")
            self._expression()
            self.program.append(Instruction("choose"))
        else:
            self._binary(0)
            if self._is("?"):
                self.index += 1
                self.choices += 1
                self._expression()
                self.choices -= 1
                self._expect(":")
                self._expression()
                self.program.append(Instruction("choose"))
        self.depth -= 1

    def _binary(self, level: int) -> None:
        self._unary()
        while self.here.kind == "sign" and _LEVELS.get(self.here.text, -1) >= level:
            operator = self.here.text
            self.index += 1
            self._binary(_LEVELS[operator] + 1)
            self.program.append(Instruction("binary", operator))

    def _unary(self) -> None:
        pending: list[Instruction] = []
        while True:
            if self._is("-", "+", "!", "~"):
                pending.append(Instruction("unary", self.here.text))
                self.index += 1
            elif self._is("(") and self._cast_follows():
                pending.append(Instruction("cast", CASTS[self.tokens[self.index + 1].text.lower()]))
                self.index += 3
            else:
                break
        self._primary()
        if self._is("^", "**"):
            self.index += 1
            self.depth += 1
            if self.depth > _MAX_DEPTH:
                raise self._fail(f"nested more than {_MAX_DEPTH} deep", self.here.position)
            self._unary()
            self.depth -= 1
            self.program.append(Instruction("binary", "^"))
        self.program += reversed(pending)

    def _cast_follows(self) -> bool:
        ahead = self.tokens[self.index + 1 : self.index + 4]
        return (
            len(ahead) == 3
            and ahead[0].text.lower() in CASTS
            and ahead[1].text == ")"
            and (ahead[2].kind in ("number", "name", "string") or ahead[2].text in ("(", "!", "~", "-", "+"))
        )

    def _primary(self) -> None:
        token = self.here
        self.index += 1
        if token.kind == "number":
            self.program.append(Instruction("push", self._literal(token)))
        elif token.kind == "string":
            self.program.append(Instruction("push", token.text[1:-1]))
        elif token.kind == "name" and token.text.lower() not in ("if", "then", "else"):
            self._name(token)
        elif token.text == "(":
            choices, self.choices = self.choices, 0
            self._expression()
            self.choices = choices
            self._expect(")")
        else:
            found = repr(token.text) if token.text else "the end"
            raise self._fail(f"expected a value, found {found}", token.position)

    def _literal(self, token: Token) -> int | float:
        text = token.text
        hexadecimal = text[:2] in ("0x", "0X")
        if not hexadecimal and not text.isdecimal():
            return float(re.sub("[dD]", "e", text))
        value = int(text, 16 if hexadecimal else 10) if len(text) < _MOST_DIGITS else 2**63
        if value >= 2**63:
            raise self._fail("a whole number of more than 63 bits", token.position)
        return value

    def _name(self, token: Token) -> None:
        name = token.text.lower()
        if name in CONSTANTS:
            self.program.append(Instruction("push", CONSTANTS[name]))
        elif self._is("("):
            self._function(name, token)
        else:
            self.names.setdefault(name)
            self.program.append(Instruction("load", name))
            if self._is("["):
                index: list[int] = []
                while not index or self._is(","):
                    self.index += 1
                    index.append(self._whole("the number of an element, counted from 0"))
                self._expect("]")
                self.program.append(Instruction("element", tuple(index)))
            if self._is(":") and not self.choices:
                at = self.here.position
                self.index += 1
                width = self._whole("the number of samples to smooth over")
                if width < 1:
                    raise self._fail("smoothing over no sample", at)
                self.program.append(Instruction("smooth", width))

    def _whole(self, what: str) -> int:
        """Return the whole number that stands here."""
        if self.here.kind != "number" or not self.here.text.isdecimal() or len(self.here.text) > _MOST_DIGITS:
            raise self._fail(f"expected {what}", self.here.position)
        self.index += 1
        return int(self.tokens[self.index - 1].text)

    def _function(self, name: str, token: Token) -> None:
        if name not in _ONE and name not in _TWO:
            known = ", ".join(sorted({**_ONE, **_TWO}))
            raise self._fail(f"unknown function {token.text}; there are {known}", token.position)
        self.index += 1
        count = 1
        choices, self.choices = self.choices, 0
        self._expression()
        while self._is(","):
            self.index += 1
            self._expression()
            count += 1
        self.choices = choices
        self._expect(")")
        fits = count == 1 if name in _ONE else count == 2 or (count > 2 and name in ("min", "max"))
        if not fits:
            wanted = "1 argument" if name in _ONE else "2 arguments"
            raise self._fail(f"{token.text} takes {wanted}, not {count}", token.position)
        self.program.append(Instruction(name, count))


def parse_expression(text: str) -> Expression:
    """Parse one expression.

    Raises
    ------
    UserError
        The text is not an expression; the message draws a caret under the offending character.
    """
    return _Parser(text).parse()
