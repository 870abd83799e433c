"""Signatures: made for one purpose and one value, with one key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.audit.signature import BadKey, new_signer, sign, signer_of, verify_signature

SIGNER = signer_of(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))


def test_keys_are_those_of_rfc_8032() -> None:
    """The private key of RFC 8032's first test vector has the public key printed there."""
    assert "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a" == SIGNER.public_key


@given(st.text(max_size=20), st.text(max_size=20), st.integers(0, 9), st.integers(0, 9))
def test_a_signature_is_for_one_purpose_and_one_value(purpose: str, other: str, value: int, another: int) -> None:
    """A signature holds for the purpose and value it was given for, and for no other."""
    signature = sign(SIGNER, purpose, value)
    assert verify_signature(SIGNER.public_key, purpose, value, signature)
    assert (purpose == other) is verify_signature(SIGNER.public_key, other, value, signature)
    assert (value == another) is verify_signature(SIGNER.public_key, purpose, another, signature)
    assert not verify_signature(new_signer().public_key, purpose, value, signature)


@pytest.mark.parametrize("signature", ["", "00", "z" * 128, "0" * 128, "0" * 127])
def test_what_is_no_signature_does_not_hold(signature: str) -> None:
    """Text that is no signature at all holds for nothing."""
    assert not verify_signature(SIGNER.public_key, "x", 1, signature)


@pytest.mark.parametrize("key", ["", "ab", "z" * 64, "A" * 64, "0" * 66])
def test_what_is_no_key_is_told(key: str) -> None:
    """A malformed public key is refused with what a key looks like, rather than verifying nothing."""
    with pytest.raises(BadKey, match="64 hexadecimal digits"):
        verify_signature(key, "x", 1, sign(SIGNER, "x", 1))


def test_a_private_key_of_another_length_is_told() -> None:
    """A private key that is too short is refused."""
    with pytest.raises(BadKey, match="31 bytes"):
        signer_of(b"x" * 31)
