"""Sixty audiences over a clickstream and sixty over purchases: counts, windows, sums, sequences, silence, nesting, exclusion, clocks.

They are drawn up in rows, so that thresholds and windows differ, and go through the real documents and compiler.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from pilotage.contract.builtin import builtin_contracts
from pilotage.contract.model import Contract, FieldSpec
from pilotage.journey.compile import compile_plan
from pilotage.journey.document import read_document
from pilotage.journey.findings import Report
from pilotage.journey.names import Surroundings
from pilotage.journey.plan import Plan
from pilotage.source.zones import packaged_zones

ZONES = packaged_zones()
ECOM_EVENTS = (
    "account_page", "add_to_cart", "cart", "catalog", "checkout_bug", "compare", "error_page", "filter_results", "home",
    "payment_details", "payment_error", "product_view", "promo_page", "purchase", "review_page", "search", "shipping_details",
    "support_chat", "wishlist_add",
)  # fmt: skip
ECOM_FIELDS = {"session": "string", "platform": "string", "channel": "string", "lifecycle": "string"}
CDNOW_FIELDS = {"items": "integer", "total": "number"}

_Parts = Mapping[str, Any]


def _when(**conditions: str) -> dict[str, _Parts]:
    return {name: {"when": text} for name, text in conditions.items()}


ECOM: dict[str, _Parts] = {
    **{f"viewers-{n}-{w}": {"when": f"count('product_view', '{w}') >= {n}"} for n in (1, 3, 8) for w in ("1h", "1d", "7d", "30d")},
    **{f"silent-{d}": {"when": f"since_last('product_view') > '{d}'"} for d in ("2h", "3d", "14d", "60d")},
    **{f"carts-{w}": {"when": f"performed('add_to_cart', '{w}') and not performed('purchase', '{w}')"} for w in ("1h", "6h", "2d", "20d")},
    **{f"seq-{a}": {"when": f"sequence('product_view', 'add_to_cart', '{a}', '{w}')"} for a, w in (("5m", "1d"), ("1h", "7d"))},
    **{f"cart-then-bought-{w}": {"when": f"sequence('add_to_cart', 'purchase', '1h', '{w}')"} for w in ("1d", "30d")},
    **{f"phone-views-{n}": {"when": f"count('product_view', '14d', event.platform = 'mobile') >= {n}"} for n in (1, 4)},
    **{f"on-{p}": {"when": f"platform = '{p}'"} for p in ("desktop", "mobile", "tablet")},
    **{f"from-{c}": {"when": f"channel = '{c}' and performed('catalog', '10d')"} for c in ("email", "organic", "paid_search")},
    **_when(
        **{
            "never-bought": "not performed('purchase')",
            "bought-ever": "performed('purchase')",
            "twice-bought": "count('purchase') > 1",
            "lapsed-buyers": "performed('purchase') and not performed('purchase', '30d')",
            "paying-trouble": "count('payment_error', '3d') > 0 and since_last('payment_error') < '12h'",
            "helped": "since_last('support_chat') < since_last('purchase')",
            "not-helped": "since_last('support_chat') is null",
            "hot": "count('product_view', '2h') > 4 or count('add_to_cart', '1d') > 1",
            "returning": "lifecycle = 'returning' and count('home', '30d') > 1",
            "last-on-phone": "last('product_view', 'platform') = 'mobile'",
            "first-session": "first('home', 'session', '100d') < 'sess_001000'",
            "platform-moved": "last('product_view', 'platform') <> first('product_view', 'platform', '60d')",
            "balance": "count('product_view', '7d') > 5 * count('add_to_cart', '7d') + 3",
            "between": "count('catalog', '5d') between 2 and 4",
            "three-valued": "since_last('purchase') > '10d' or since_last('promo_page') > '1d'",
            "cased": "case when platform = 'mobile' then count('home', '1d') else count('home', '3d') end > 1",
            "searchers": "count('search', '2d') > 2 and count('filter_results', '2d') = 0",
            "compared": "sequence('search', 'compare', '10m', '14d') or performed('compare', '1h')",
            "failed": "performed('error_page', '1d') or performed('checkout_bug', '9d')",
            "wished": "count('wishlist_add', '21d') > count('add_to_cart', '21d')",
            "in-the-evening": "hour(now()) >= 18 and performed('home', '3d')",
            "at-the-weekend": "day_of_week(now()) > 5 and performed('product_view', '14d')",
        }
    ),
    "any-buyers": {"any": ["twice-bought", "lapsed-buyers"]},
    "all-hot": {"all": ["hot", "viewers-3-1d"]},
    "hot-not-bought": {"any": ["hot", "carts-2d"], "except": ["bought-ever"]},
    "nested": {"when": "in_audience('hot-not-bought') and not in_audience('silent-2h')"},
    "nested-deeper": {"when": "count('home', '7d') > 2", "all": ["nested"], "except": ["on-tablet"]},
    "rest": {"when": "true", "except": ["never-bought", "any-buyers"]},
}
CDNOW: dict[str, _Parts] = {
    **{f"buyers-{n}-{w}": {"when": f"count('order.placed', '{w}') >= {n}"} for n in (1, 2, 4) for w in ("7d", "30d", "90d", "365d")},
    **{f"spent-{n}-{w}": {"when": f"sum('order.placed', 'total', '{w}') >= {n}"} for n in (20, 75.5, 200) for w in ("10d", "60d", "200d")},
    **{f"silent-{d}": {"when": f"since_last('order.placed') > '{d}'"} for d in ("14d", "45d", "100d", "300d")},
    **{f"items-{n}": {"when": f"sum('order.placed', 'items', '120d') > {n}"} for n in (1, 3, 9)},
    **{f"large-{n}-{w}": {"when": f"count('order.placed', '{w}', event.total > {n}) > 0"} for n in (15, 50) for w in ("20d", "150d")},
    **{f"mean-{n}": {"when": f"avg('order.placed', 'total', '180d') > {n}"} for n in (14.5, 40)},
    **{f"again-{a}": {"when": f"sequence('order.placed', 'order.placed', '{a}', '{w}')"} for a, w in (("3d", "30d"), ("30d", "200d"))},
    **_when(
        **{
            "first-small": "first('order.placed', 'total', '500d') < 13",
            "last-large": "last('order.placed', 'total') >= 30",
            "largest": "max('order.placed', 'total', '90d') > 60 and min('order.placed', 'total', '90d') < 10",
            "growing": "last('order.placed', 'total') > first('order.placed', 'total', '400d')",
            "free": "performed('order.placed', '60d', event.total = 0)",
            "never-free": "not performed('order.placed', event.total = 0)",
            "once-only": "count('order.placed') = 1",
            "twice-within": "count('order.placed', '30d') between 2 and 3",
            "lapsed": "count('order.placed', '365d') > 1 and not performed('order.placed', '90d')",
            "won-back": "performed('order.placed', '30d') and count('order.placed', '200d') > count('order.placed', '60d')",
            "per-item": "sum('order.placed', 'total', '300d') / sum('order.placed', 'items', '300d') > 14",
            "null-ratio": "sum('order.placed', 'total', '40d') / count('order.placed', '20d', event.items > 2) > 20",
            "either": "since_last('order.placed') > '200d' or sum('order.placed', 'items', '365d') > 20",
            "coalesced": "coalesce(sum('order.placed', 'total', '30d'), 0) < 10 and count('order.placed', '60d') > 0",
            "new-this-month": "count('order.placed', '31d') > 0 and count('order.placed', '700d') = count('order.placed', '31d')",
            "cased": "case when count('order.placed', '90d') > 2 then 'b' when performed('order.placed', '90d') then 'a' end = 'a'",
            "at-the-weekend": "day_of_week(now()) > 5 and performed('order.placed', '14d')",
            "in-summer": "month(now()) between 6 and 8 and count('order.placed') > 1",
        }
    ),
    "any-large": {"any": ["large-50-20d", "spent-200-60d"]},
    "all-good": {"all": ["buyers-2-90d", "mean-14.5"]},
    "good-not-silent": {"any": ["all-good", "any-large"], "except": ["silent-45d"]},
    "nested": {"when": "in_audience('good-not-silent') and not in_audience('once-only')"},
    "nested-deeper": {"when": "sum('order.placed', 'items', '90d') > 2", "all": ["nested"], "except": ["free"]},
    "rest": {"when": "true", "except": ["lapsed", "nested", "buyers-1-90d"]},
}
CLOCKED = frozenset({"in-the-evening", "at-the-weekend", "in-summer"})
"""Those that read the clock itself."""


def plan_of(fields: Mapping[str, str], events: tuple[str, ...], attributes: tuple[str, ...], audiences: Mapping[str, _Parts]) -> Plan:
    """The plan of audiences over events that all have the same fields, some of which feed attributes of their name."""
    contracts = {event: Contract(event, "1", tuple(FieldSpec(name, kind) for name, kind in fields.items())) for event in events}
    profile = {name: {"type": fields[name], "from": [f"{event}.{name}" for event in events]} for name in attributes}
    documents: list[dict[str, Any]] = [
        {"schema": 1, "kind": "profile", "attributes": profile},
        *({"schema": 1, "kind": "audience", "name": name, "owner": "a", **parts} for name, parts in audiences.items()),
    ]
    report = Report()
    read = [read_document(msgspec.json.encode(each), f"d{at}.yaml", report) for at, each in enumerate(documents)]
    around = Surroundings(
        contracts=tuple(builtin_contracts(contracts).values()),
        channels={},
        endpoints=frozenset(),
        zones=ZONES.names,
        variables_of=lambda template: (),
        zones_digest=ZONES.digest,
    )
    plan, findings = compile_plan([document for document in read if document is not None], around)
    assert plan is not None, [finding.text for finding in (*report.findings, *findings)]
    return plan
