"""The event types that every workspace has."""

import pytest

from pilotage.contract.builtin import BUILTIN, MESSAGE_FATES, builtin_contracts
from pilotage.contract.model import Contract
from pilotage.contract.validate import ContractBroken, validator


def test_every_built_in_contract_compiles() -> None:
    """Each built-in event type has a contract under its own name that compiles."""
    assert all(event == contract.event == validator(contract).event for event, contract in BUILTIN.items())
    assert {f"message.{fate}" for fate in MESSAGE_FATES} < set(BUILTIN)


def test_a_consent_change_must_say_for_what() -> None:
    """A change of consent without its purpose, channel or answer is refused."""
    decode = validator(BUILTIN["consent.changed"]).decode
    assert decode(b'{"purpose":"marketing.cart","channel":"email","granted":true}').granted is True
    for lacking in (
        b'{"channel":"email","granted":true}',
        b'{"purpose":"","channel":"email","granted":true}',
        b'{"purpose":"p","channel":"c"}',
    ):
        with pytest.raises(ContractBroken):
            decode(lacking)


def test_the_workspace_declares_over_the_built_in() -> None:
    """A workspace's contract of a built-in event type takes the built-in one's place."""
    own = Contract("customer.identified", "2.0.0", ())
    in_force = builtin_contracts({own.event: own})
    assert own == in_force["customer.identified"]
    assert BUILTIN["page.viewed"] == in_force["page.viewed"]
