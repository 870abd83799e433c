"""The names that generated code refers to, beside its arguments: one table of functions, with the zone tables bound in."""

from bisect import bisect_right
from typing import Any

from pilotage.event.zone import Zones
from pilotage.predicate import arithmetic, clock, tallies, texts
from pilotage.predicate.grants import granted
from pilotage.predicate.ir import Type
from pilotage.predicate.literals import number_plain, readable

_NAMES: dict[str, Any] = {
    "bisect_right": bisect_right,
    "int64": arithmetic.int64,
    "times": arithmetic.times,
    "op_div": arithmetic.quotient,
    "op_mod": arithmetic.remainder,
    "op_abs": arithmetic.absolute,
    "op_sign": arithmetic.sign,
    "op_round": arithmetic.nearest,
    "rounded": arithmetic.rounded,
    "op_floor": arithmetic.floor,
    "op_ceil": arithmetic.ceil,
    "least": arithmetic.least,
    "greatest": arithmetic.greatest,
    "number": arithmetic.number,
    "instant": arithmetic.instant,
    "day": arithmetic.day,
    "inner": arithmetic.inner,
    "texts": texts.texts,
    "pairs": texts.pairs,
    "op_concat": texts.concat,
    "op_length": len,
    "op_list_length": len,
    "op_map_length": len,
    "op_list_contains": texts.list_contains,
    "op_number": texts.parsed_number,
    "op_text_of_integer": str,
    "op_text_of_number": number_plain,
    "op_text_of_boolean": lambda value: "true" if value else "false",
    "op_text_of_date": lambda value: readable(Type.DATE, value),
    "op_add_months": clock.add_months,
    "op_years_between": clock.years_between,
    "truncated": clock.truncated,
    "whole": clock.whole,
    "day_of": clock.day_of,
    "granted": granted,
    "followed": tallies.followed,
    "under_way": tallies.under_way,
    "entered": tallies.entered,
    "stage_of": tallies.stage_of,
    **{
        f"op_{name}": getattr(texts, name)
        for name in ("lower", "upper", "trim", "ltrim", "rtrim", "substring", "left", "right", "replace", "split_part", "integer", "item")
    },
    **{f"op_{name}": getattr(texts, name) for name in ("starts_with", "ends_with", "contains", "position")},
    **{f"op_{name}": function for name, function in (*clock.PARTS.items(), *clock.CLOCK.items())},
    **tallies.TALLIES,
}


def runtime(zones: Zones | None = None) -> dict[str, Any]:
    """The names, in a dictionary of its own; without zones what reads a clock is missing."""
    return {**_NAMES, **(clock.zoned(zones) if zones is not None else {})}
