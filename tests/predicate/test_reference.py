"""The reference of conditions is true: every example in it is a condition, or a value, of the language."""

import re
from pathlib import Path

import pytest

from pilotage.predicate.ir import Type
from pilotage.predicate.parse import PredicateError, Scope, parse_expression

PAGE = Path(__file__).resolve().parents[2] / "docs" / "predicate.md"
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
)
EXAMPLES = [line for block in re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL) for line in block.splitlines() if line.strip()]


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_of_the_reference_hold(example: str) -> None:
    """An example of the reference is accepted as it is printed."""
    parse_expression(example, SCOPE)


def test_the_error_shown_in_the_reference_is_the_one_reported() -> None:
    """The reference shows an error exactly as the product reports it."""
    with pytest.raises(PredicateError) as caught:
        parse_expression("count('order.plced', '30d') > 2 and tier = 'gold'", SCOPE)
    assert str(caught.value) in PAGE.read_text()
    assert len(EXAMPLES) > 30
