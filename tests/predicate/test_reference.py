"""The reference of conditions is true: every example in it is a condition, or a value, of the language, and the page of functions
is what the product's own table says."""

import re
from pathlib import Path

import pytest

from pilotage.predicate.ir import Type
from pilotage.predicate.next_flip import compile_flips
from pilotage.predicate.parse import PredicateError, Scope, parse, parse_expression
from pilotage.predicate.python import compile_functions
from pilotage.predicate.reference import reference
from pilotage.predicate.signature import GROUPS
from pilotage.predicate.table import FUNCTIONS
from pilotage.source.zones import packaged_zones

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "predicate.md"
SCOPE = Scope(
    attributes={
        "tier": Type.STRING,
        "country": Type.STRING,
        "email": Type.STRING,
        "age": Type.INTEGER,
        "balance": Type.NUMBER,
        "newsletter": Type.BOOLEAN,
        "born": Type.DATE,
        "last_login": Type.TIMESTAMP,
        "order": Type.STRING,
        "tags": Type.LIST,
        "traits": Type.MAP,
        "timezone": Type.STRING,
    },
    events={
        "order.placed": {"total": Type.NUMBER, "items": Type.INTEGER, "shipping.country": Type.STRING},
        "complaint.opened": {},
        "app.opened": {},
        "cart.added": {"price": Type.NUMBER},
    },
    any_trigger=True,
    variables={"attempts": Type.INTEGER},
    purposes={"marketing.cart": ("email", "sms")},
    audiences=("vips",),
    journeys={"growth.recovery.cart": "growth"},
    zone="Europe/Berlin",
    zone_attribute="timezone",
)
FUNCTION_EXAMPLES = [function.example for function in FUNCTIONS.values()]
PAGE_EXAMPLES = [
    line for block in re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL) for line in block.splitlines() if line.strip()
]
EXAMPLES = [*PAGE_EXAMPLES, *FUNCTION_EXAMPLES]


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_of_the_reference_hold(example: str) -> None:
    """An example of the reference is accepted as it is printed."""
    parse_expression(example, SCOPE)


def test_the_error_shown_in_the_reference_is_the_one_reported() -> None:
    """The reference shows an error exactly as the product reports it."""
    with pytest.raises(PredicateError) as caught:
        parse_expression("count('order.plced', '30d') > 2 and tier = 'gold'", SCOPE)
    assert str(caught.value) in PAGE.read_text()
    assert len(PAGE_EXAMPLES) > 30


def test_the_page_of_functions_is_what_the_table_says() -> None:
    """The reference of functions is generated; after a change of the table, `make reference` writes it anew."""
    assert reference() == (DOCS / "predicate-functions.md").read_text(), "run `make reference`"


def test_every_function_says_what_it_takes_and_means() -> None:
    """Each function has a signature that begins with its name, a meaning and an example that calls it, and its example can be
    compiled with its flips."""
    for name, function in FUNCTIONS.items():
        assert function.meaning and function.group in GROUPS
        if name.isidentifier() and name != "in":
            assert all(signature.startswith(f"{name}(") for signature in function.signatures)
            assert f"{name}(" in function.example
        expr = parse(function.example, SCOPE).expr
        compile_functions({"it": expr}, zones=packaged_zones())
        compile_flips({"it": expr}, zones=packaged_zones())
