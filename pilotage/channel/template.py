"""Liquid as contents use it: two environments (plain text and HTML, which escapes every value), bounded in loops and
output, without includes; the filters contents have besides Liquid's own; and which variables a template reads.

A template that does not parse is refused with its place and the cure, so a faulty content is found when it is checked
and not when it is sent.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from functools import lru_cache
from io import StringIO
from typing import Any, TextIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from liquid import BoundTemplate, DictLoader, Environment, RenderContext
from liquid.builtin.content import ContentNode
from liquid.exceptions import FilterArgumentError, LiquidError, LiquidSyntaxError
from liquid.output import LimitedStringIO

LOOPS_MAX = 10_000
OUTPUT_BYTES_MAX = 512 * 1024
NAMESPACE_BYTES_MAX = 64 * 1024
TEMPLATES_CACHED = 4_096

_FILE_TAGS = ("include", "render", "extends", "block", "import")
_ZERO_DECIMAL = frozenset({"JPY", "KRW", "CLP", "ISK", "VND", "UGX", "XAF", "XOF"})
_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹", "CHF": "CHF", "PLN": "zł", "CZK": "Kč"}
_POINT_LANGUAGES = frozenset({"en", "ja", "zh", "ko", "th", "he"})


class TemplateBroken(ValueError):
    """A template is not valid Liquid. `line` and `column` count from 1 within the template; the message says what to
    write instead where that is known."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class _Context(RenderContext):
    """A context whose buffers keep line breaks as they are written: the library's own turn CRLF into LF where output is limited."""

    def get_buffer(self, buf: TextIO | None = None) -> StringIO:
        """A buffer for a part of the output, which counts towards the limit."""
        carry = buf.size if isinstance(buf, LimitedStringIO) else 0
        return LimitedStringIO(OUTPUT_BYTES_MAX - carry, newline="")


class _Template(BoundTemplate):
    context_class = _Context

    def _get_buffer(self) -> StringIO:
        return LimitedStringIO(OUTPUT_BYTES_MAX, newline="")


class _Environment(Environment):
    template_class = _Template
    loop_iteration_limit = LOOPS_MAX
    output_stream_limit = OUTPUT_BYTES_MAX
    local_namespace_limit = NAMESPACE_BYTES_MAX


def liquid_environment(*, escape: bool, partials: Mapping[str, str] | None = None) -> Environment:
    """Liquid as contents use it, with or without escaping. Contents include nothing; `partials` are templates that others may include."""
    environment = _Environment(autoescape=escape, loader=DictLoader(dict(partials)) if partials is not None else None)
    for tag in _FILE_TAGS if partials is None else ():
        environment.tags.pop(tag, None)
    environment.filters["money"] = money
    environment.filters["local_date"] = local_date
    return environment


def money(value: object, currency: str = "EUR", language: str = "en") -> str:
    """An amount for people: `{{ journey.total | money: "EUR", "de" }}` → `1.234,50 €`. Amounts are decimal text or
    numbers; what is no amount gives empty text."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return ""
    if not amount.is_finite():
        return ""
    places = Decimal(1) if currency in _ZERO_DECIMAL else Decimal("0.01")
    text = f"{abs(amount).quantize(places, ROUND_HALF_EVEN):,}"
    sign = "-" if amount < 0 else ""
    symbol = _SYMBOLS.get(currency, currency)
    if language.split("-")[0].lower() in _POINT_LANGUAGES:
        return f"{sign}{symbol}{'' if len(symbol) == 1 else ' '}{text}"
    return f"{sign}{text.translate(str.maketrans(',.', '.,'))} {symbol}"


def local_date(value: object, zone: str = "UTC", style: str = "%Y-%m-%d") -> str:
    """An instant in a zone: `{{ trigger.due | local_date: customer.timezone, "%d.%m.%Y" }}`. Instants are RFC 3339 text;
    a plain date keeps its day; what is neither gives empty text."""
    text = str(value)
    try:
        if len(text) == len("2026-01-31"):
            return date.fromisoformat(text).strftime(style)
        return datetime.fromisoformat(text).astimezone(ZoneInfo(str(zone) or "UTC")).strftime(style)
    except (ZoneInfoNotFoundError, IsADirectoryError) as fault:
        raise FilterArgumentError(f"local_date: {zone!r} is not an IANA zone", token=None) from fault
    except ValueError:
        return ""


_PLAIN = liquid_environment(escape=False)
_HTML = liquid_environment(escape=True)


@lru_cache(maxsize=TEMPLATES_CACHED)
def compiled(template: str, *, escape: bool) -> BoundTemplate:
    """The parsed form of a template, kept by its text; `TemplateBroken` with the place when it is not valid Liquid."""
    try:
        return (_HTML if escape else _PLAIN).from_string(template)
    except LiquidError as fault:
        raise _broken(template, fault) from fault


@lru_cache(maxsize=TEMPLATES_CACHED)
def _ready(template: str, escape: bool) -> BoundTemplate | str:
    """The parsed form of a template; of one that has neither values nor tags, the output itself, which is always the same."""
    bound = compiled(template, escape=escape)
    return bound.render() if all(isinstance(node, ContentNode) for node in bound.nodes) else bound


def _broken(template: str, fault: LiquidError) -> TemplateBroken:
    index = getattr(fault.token, "start_index", 0) if fault.token is not None else 0
    before = template[: max(0, index)]
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    message = str(fault.args[0]) if fault.args else str(fault)
    cure = "close every {% tag %} and {{ value }}" if isinstance(fault, LiquidSyntaxError) else "see the list of filters in docs/channel.md"
    return TemplateBroken(f"{message}; {cure}", line, column)


def variables_of(template: str) -> set[str]:
    """The dotted names a template reads from outside (`customer.first_name`, `unsubscribe_url`), found without rendering.

    Names that the template itself assigns or loops over are left out. A name is cut where a position or a computed part
    begins: `trigger.items[0].name` gives `trigger.items`. `TemplateBroken` when the template is not valid Liquid, or
    uses a filter that does not exist."""
    bound = compiled(template, escape=False)
    try:
        analysis = bound.analyze()
    except LiquidError as fault:
        raise _broken(template, fault) from fault
    unknown = sorted(set(analysis.filters) - set(_PLAIN.filters))
    if unknown:
        before = template[: analysis.filters[unknown[0]][0].index]
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        raise TemplateBroken(f"unknown filter {unknown[0]!r}; see the list of filters in docs/channel.md", line, column)
    return {_dotted(variable.segments) for found in analysis.globals.values() for variable in found}


def _dotted(segments: list[Any]) -> str:
    names: list[str] = []
    for segment in segments:
        if not isinstance(segment, str):
            break
        names.append(segment)
    return ".".join(names)


def nested(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Variables by dotted name as the tree that templates walk: `{"customer.name": "Ada"}` → `{"customer": {"name": "Ada"}}`."""
    tree: dict[str, Any] = {}
    for name in sorted(variables):
        *path, last = name.split(".")
        branch = tree
        for part in path:
            inner = branch.setdefault(part, {})
            if not isinstance(inner, dict):
                break
            branch = inner
        else:
            branch[last] = variables[name]
    return tree


def fill(template: str, tree: Mapping[str, Any], *, escape: bool) -> str:
    """The template with its values filled in. A value that is missing is empty text. `TemplateBroken` when a limit on
    loops or output is passed or a filter refuses its arguments."""
    try:
        ready = _ready(template, escape)
        return ready if isinstance(ready, str) else ready.render(tree)
    except LiquidError as fault:
        raise _broken(template, fault) from fault
