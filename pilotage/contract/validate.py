"""From a contract to a decoder that checks while it reads.

`validator` turns a `Contract` into a msgspec struct type built at run time, so that parsing, type checks, required fields,
patterns, lengths and bounds all happen in one pass in C. What msgspec cannot state (exact decimals that are no strings and
fit the kernel's int64 at scale 6; bounds on decimals, dates and timestamps) is checked by a hook during the same pass, so
that every fault carries the path of the value that is wrong.
"""

import keyword
import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

import msgspec

from pilotage.contract.model import Contract, FieldSpec
from pilotage.event.time import instant_text, instant_us

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_INT64_MAX = 2**63 - 1
_NUMBER_MAX = Decimal(_INT64_MAX).scaleb(-6)
_NUMBER_MIN = Decimal(-(2**63)).scaleb(-6)
_EPOCH_DAY = date(1970, 1, 1).toordinal()

DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidOperation)
"""Everything a decoder of untrusted JSON can raise: `broken` turns each into a `ContractBroken`."""

KINDS = ("string", "integer", "number", "boolean", "date", "timestamp", "object", "array")
"""The kinds a field can have: the ODCS logical types, but for `time`, which is a string with a pattern."""


class ContractBroken(ValueError):
    """An event's data do not keep its contract. `path` leads to the fault (`$.address.zip`), `reason` says what is wrong
    and `cure` what to change. Correct the sender, or change the contract and resubmit the event."""

    def __init__(self, event: str, path: str, reason: str, cure: str) -> None:
        super().__init__(f"{event}: {path}: {reason}; {cure}")
        self.event = event
        self.path = path
        self.reason = reason
        self.cure = cure


class ContractImpossible(ValueError):
    """A contract that no decoder can be built from: an unknown kind, a pattern that is no regular expression, bounds that
    cross. `path` leads to the field. Correct the contract."""

    def __init__(self, event: str, path: str, reason: str) -> None:
        super().__init__(f"contract of {event}: {path}: {reason}; correct the contract")
        self.event = event
        self.path = path
        self.reason = reason


class Validator:
    """A contract, compiled. `struct` is the type of a decoded event, whose attribute for the field `f` is
    `attribute_name(f)`; a field that is missing or null is None."""

    __slots__ = ("contract", "decode_valid", "event", "struct")

    def __init__(self, contract: Contract, struct: type[msgspec.Struct]) -> None:
        self.contract = contract
        self.event = contract.event
        self.struct = struct
        self.decode_valid: Callable[[bytes], Any] = msgspec.json.Decoder(struct, dec_hook=_hook, float_hook=Decimal).decode
        """`decode` without the translation of errors: raises one of `DECODE_ERRORS`; for data known to be valid, and hot loops."""

    def decode(self, data: bytes) -> Any:
        """The struct of JSON text; `ContractBroken` with the path of the fault if it does not keep the contract."""
        try:
            return self.decode_valid(data)
        except DECODE_ERRORS as error:
            raise broken(self.event, error) from error


def attribute_name(field: str) -> str:
    """The Python attribute that holds a JSON field: itself where that is a plain ASCII identifier, else `f_` and the hex
    of its UTF-8; two fields never share one."""
    if _PLAIN.fullmatch(field) and not keyword.iskeyword(field) and not field.startswith("f_"):
        return field
    return "f_" + field.encode("utf-8", "surrogatepass").hex()


def validator(contract: Contract) -> Validator:
    """Compile a contract; `ContractImpossible` if it contradicts itself."""
    names = _Names(contract.event, contract.open)
    return Validator(contract, names.struct("$", contract.fields))


def field_kinds(contract: Contract) -> dict[str, str]:
    """The kind of every field a condition can read, by dotted path (`address.zip`); objects are listed with their fields,
    arrays as a whole. A field whose own name has a dot cannot be named by a path and is left out."""
    kinds: dict[str, str] = {}
    _collect(contract.fields, "", kinds)
    return kinds


def _collect(fields: Iterable[FieldSpec], prefix: str, kinds: dict[str, str]) -> None:
    for field in fields:
        if "." in field.name:
            continue
        kinds[prefix + field.name] = field.kind
        _collect(field.fields, f"{prefix}{field.name}.", kinds)


class _Names:
    """What building the types of one contract needs: the event type for messages, and whether unknown fields pass."""

    def __init__(self, event: str, is_open: bool) -> None:
        self.event = event
        self.open = is_open

    def struct(self, path: str, fields: tuple[FieldSpec, ...]) -> type[msgspec.Struct]:
        """A struct type for the fields of one object. No cycle can pass through parsed JSON, hence gc=False."""
        seen: set[str] = set()
        for field in fields:
            if field.name in seen:
                raise ContractImpossible(self.event, f"{path}.{field.name}", "the field is declared twice")
            seen.add(field.name)
        return msgspec.defstruct(
            "Data_" + re.sub(r"\W", "_", self.event + path[1:]),
            [self.member(path, field) for field in fields],
            rename={attribute_name(field.name): field.name for field in fields},
            forbid_unknown_fields=not self.open,
            frozen=True,
            gc=False,
            kw_only=True,
        )

    def member(self, path: str, field: FieldSpec) -> tuple[str, Any] | tuple[str, Any, Any]:
        kind = self.type_of(f"{path}.{field.name}", field)
        if field.required:
            return (attribute_name(field.name), kind)
        return (attribute_name(field.name), kind | None, None)

    def type_of(self, path: str, field: FieldSpec) -> Any:
        """The type msgspec decodes a field into, constraints included."""
        try:
            return _TYPES[field.kind](self, path, field)
        except KeyError:
            raise ContractImpossible(self.event, path, f"{field.kind!r} is no kind; there are {', '.join(KINDS)}") from None
        except (re.error, TypeError, ValueError) as error:
            if isinstance(error, ContractImpossible):
                raise
            raise ContractImpossible(self.event, path, str(error)) from error


def _string(_: _Names, __: str, field: FieldSpec) -> Any:
    if field.enum:
        return Literal[field.enum]
    meta = _given(pattern=field.pattern or None, min_length=field.length_min, max_length=field.length_max)
    if field.pattern:
        re.compile(field.pattern)
    return Annotated[str, msgspec.Meta(**meta)] if meta else str


def _integer(_: _Names, __: str, field: FieldSpec) -> Any:
    if field.enum:
        return Literal[tuple(int(value) for value in field.enum)]
    low = max(_whole(field.minimum, 0, -(2**63)), _whole(field.exclusive_minimum, 1, -(2**63)))
    high = min(_whole(field.maximum, 0, _INT64_MAX), _whole(field.exclusive_maximum, -1, _INT64_MAX))
    if low > high:
        raise ValueError(f"no integer is at least {low} and at most {high}")
    return Annotated[int, msgspec.Meta(ge=low, le=high)]


def _whole(bound: float | None, step: int, default: int) -> int:
    """An inclusive integer bound inside int64: the bound itself, or for an exclusive one the next integer inwards."""
    if bound is None:
        return default
    floor = int(bound // 1)
    inward = floor + 1 if step > 0 else floor - (floor == bound) if step < 0 else floor if floor == bound else floor + (default < 0)
    return max(-(2**63), min(_INT64_MAX, inward))


def _number(_: _Names, __: str, field: FieldSpec) -> Any:
    return _Checked("number", (), {"read": staticmethod(_number_reader(field))}) if _bounded(field) else _Number


def _boolean(_: _Names, __: str, ___: FieldSpec) -> Any:
    return bool


def _date(_: _Names, __: str, field: FieldSpec) -> Any:
    if not _bounded(field):
        return date
    check = _range(field, lambda days: date.fromordinal(int(days) + _EPOCH_DAY).isoformat())
    return _Checked("date", (), {"read": staticmethod(_text_reader(date, check, lambda day: day.toordinal() - _EPOCH_DAY))})


def _timestamp(_: _Names, __: str, field: FieldSpec) -> Any:
    aware = Annotated[datetime, msgspec.Meta(tz=True)]
    if not _bounded(field):
        return aware
    check = _range(field, lambda us: instant_text(int(us)))
    return _Checked("timestamp", (), {"read": staticmethod(_text_reader(aware, check, instant_us))})


def _object(names: _Names, path: str, field: FieldSpec) -> Any:
    if field.fields:
        return names.struct(path, field.fields)
    meta = _given(min_length=field.length_min, max_length=field.length_max)
    return Annotated[dict[str, Any], msgspec.Meta(**meta)] if meta else dict[str, Any]


def _array(names: _Names, path: str, field: FieldSpec) -> Any:
    kind: Any = list.__class_getitem__(names.type_of(f"{path}[]", field.items) if field.items else Any)
    meta = _given(min_length=field.length_min, max_length=field.length_max)
    return Annotated[kind, msgspec.Meta(**meta)] if meta else kind


_TYPES: dict[str, Callable[[_Names, str, FieldSpec], Any]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "timestamp": _timestamp,
    "object": _object,
    "array": _array,
}


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


class _Checked(type):
    """The metaclass of types that exist only to be decoded by `_hook`: msgspec asks whether the result is an instance, and
    the hook has made sure of it already."""

    read: Callable[[Any], Any]

    def __instancecheck__(cls, value: object) -> bool:
        return True


def _exact(value: Any) -> Decimal:
    """The exact decimal of a JSON number that the kernel can hold: |value| < 2**63 / 10**6."""
    if type(value) is not Decimal and type(value) is not int:
        raise ValueError(f"expected number, got {_JSON_NAMES.get(type(value).__name__, type(value).__name__)}")
    number = Decimal(value)
    if _NUMBER_MIN <= number <= _NUMBER_MAX:
        return number
    raise ValueError("the number is outside what can be kept exactly, ±9223372036854.775807")


class _Number(metaclass=_Checked):
    read = staticmethod(_exact)


def _hook(kind: Any, value: Any) -> Any:
    """What msgspec calls for a value of a `_Checked` type; the plain decimal, by far the most frequent, without a further call."""
    if kind is _Number and type(value) is Decimal and _NUMBER_MIN <= value <= _NUMBER_MAX:
        return value
    return kind.read(value)


def _bounded(field: FieldSpec) -> bool:
    bounds = (field.minimum, field.maximum, field.exclusive_minimum, field.exclusive_maximum)
    return any(bound is not None for bound in bounds)


def _range(field: FieldSpec, show: Callable[[Any], str]) -> Callable[[Any], None]:
    """A check of a comparable value against the field's bounds; `show` prints a bound for the message."""
    rules: list[tuple[str, Decimal, Callable[[Any, Decimal], bool]]] = []
    if field.minimum is not None:
        rules.append((">=", _bound(field.minimum), lambda value, bound: value >= bound))
    if field.exclusive_minimum is not None:
        rules.append((">", _bound(field.exclusive_minimum), lambda value, bound: value > bound))
    if field.maximum is not None:
        rules.append(("<=", _bound(field.maximum), lambda value, bound: value <= bound))
    if field.exclusive_maximum is not None:
        rules.append(("<", _bound(field.exclusive_maximum), lambda value, bound: value < bound))

    def check(value: Any) -> None:
        for sign, bound, holds in rules:
            if not holds(value, bound):
                raise ValueError(f"expected {field.kind} {sign} {show(bound)}")

    return check


def _bound(value: float) -> Decimal:
    """A bound is what its author wrote: the shortest decimal that reads back as the float (0.1 is one tenth)."""
    return Decimal(repr(value))


def _number_reader(field: FieldSpec) -> Callable[[Any], Decimal]:
    check = _range(field, lambda bound: format(bound.normalize(), "f"))
    lows = [_bound(bound) for bound in (field.minimum, field.exclusive_minimum) if bound is not None]
    highs = [_bound(bound) for bound in (field.maximum, field.exclusive_maximum) if bound is not None]
    low, high = max([_NUMBER_MIN, *lows]), min([_NUMBER_MAX, *highs])

    def read(value: Any) -> Decimal:
        if type(value) is Decimal and low < value < high:
            return value
        number = _exact(value)
        check(number)
        return number

    return read


def _text_reader(kind: Any, check: Callable[[Any], None], measure: Callable[[Any], int]) -> Callable[[Any], Any]:
    """A reader of dates or timestamps with bounds: msgspec parses the text, `measure` makes it comparable."""

    def read(value: Any) -> Any:
        try:
            parsed = msgspec.convert(value, kind)
        except msgspec.ValidationError as error:  # as a plain ValueError, msgspec gives it the path of the value
            raise ValueError(str(error)) from None
        check(measure(parsed))
        return parsed

    return read


_JSON_NAMES = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "decimal": "number",
    "Decimal": "number",
    "bool": "boolean",
    "NoneType": "null",
    "datetime": "timestamp",
    "dict": "object",
    "list": "array",
}
_AT = re.compile(r"(?s)(.*) - at `(?:key` in `)?(.*)`")
_MISSING = re.compile(r"(?s)Object missing required field `(.*)`")
_UNKNOWN = re.compile(r"(?s)Object contains unknown field `(.*)`")


def broken(event: str, error: Exception) -> ContractBroken:
    """The `ContractBroken` of a decoder's error: its path, its reason in the contract's words, and a cure."""
    if isinstance(error, RecursionError):
        return ContractBroken(event, "$", "the data are nested too deeply to read", "send flatter data")
    if isinstance(error, InvalidOperation):
        return ContractBroken(event, "$", "a number's exponent is too large to be read", "send the number in plain digits")
    if not isinstance(error, msgspec.ValidationError):
        return ContractBroken(event, "$", f"not JSON: {error}", "send one valid JSON object in UTF-8")
    placed = _AT.fullmatch(str(error))
    text, path = (placed[1], placed[2]) if placed else (str(error), "$")
    if missing := _MISSING.fullmatch(text):
        cure = "send it, or make it optional in the contract"
        return ContractBroken(event, f"{path}.{missing[1]}", "the required field is missing", cure)
    if unknown := _UNKNOWN.fullmatch(text):
        cure = "declare it in the contract, or mark the contract open"
        return ContractBroken(event, f"{path}.{unknown[1]}", "the contract does not name this field", cure)
    reason = re.sub(r"`(\w+)(?: \| null)?`", lambda word: _JSON_NAMES.get(word[1], word[1]), text)
    reason = reason[:1].lower() + reason[1:] if reason.startswith(("Expected", "Invalid")) else reason
    return ContractBroken(event, path, reason, "correct the value at the sender, or change the contract and resubmit")
