"""Hashes of personal data: stable, keyed, and no more than is needed."""

import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logentic.privacy.pseudonyms import Pseudonymizer
from logentic.sanitizer import register_secret

HASHES = Pseudonymizer(b"a key of thirty-two bytes, as kept")


def test_the_hashes_of_a_key_never_change() -> None:
    """Another function or key would part a customer's old orders from the new ones."""
    assert HASHES.pseudonym("Zoë Roy") == "11685580356f59293f89abeef66f26a4"


@given(st.text(), st.text())
def test_equal_texts_have_equal_hashes_and_others_have_others(one: str, other: str) -> None:
    assert (HASHES.pseudonym(one) == HASHES.pseudonym(other)) == (one == other)
    assert re.fullmatch(r"[0-9a-f]{32}", HASHES.pseudonym(one))


def test_another_secret_gives_other_hashes() -> None:
    assert Pseudonymizer(b"another").pseudonym("Zoë Roy") != HASHES.pseudonym("Zoë Roy")


def test_a_column_is_hashed_value_by_value_and_null_stays_null() -> None:
    names = pa.chunked_array([["Zoë", None], ["Ann", "Zoë"]])
    expected = [HASHES.pseudonym("Zoë"), None, HASHES.pseudonym("Ann"), HASHES.pseudonym("Zoë")]
    assert HASHES.column("recipient__name", names).to_pylist() == expected
    assert HASHES.column("recipient__name", pa.array([], pa.string())).to_pylist() == []


@pytest.mark.parametrize(("code", "area"), [("h2r 2y8", "H2R"), (" 10012-1234", "100"), ("H2", "H2")])
def test_a_postal_code_keeps_its_area_only(code: str, area: str) -> None:
    (hashed,) = HASHES.column("place__postal_code", pa.array([code])).to_pylist()
    assert hashed == f"{area} {HASHES.pseudonym(code)}"


@pytest.mark.parametrize("name", ["recipientName", "e_mail", "Phone2", "billing_address", "contact", "delivery_note"])
def test_an_unknown_field_with_a_personal_name_is_hashed(name: str) -> None:
    assert HASHES.pseudonymize_unknown(name, "x") == HASHES.pseudonym("x")
    assert HASHES.pseudonymize_unknown(name, 5145550101) == HASHES.pseudonym("5145550101")


@pytest.mark.parametrize(
    "value",
    ["ann@shop.example", "see ann.b@mail.shop.example please", "+1 514 555-0101", "(514) 555-0101", "514.555.0101"],
)
def test_an_unknown_field_with_a_personal_value_is_hashed(value: str) -> None:
    assert HASHES.pseudonymize_unknown("extra", value) == HASHES.pseudonym(value)


@pytest.mark.parametrize("value", ["UPS", "40012345678901", "2026-01-31", "SKU-514-555", "1@2", "", None, 12, True])
def test_an_unknown_field_without_anything_personal_stays(value: object) -> None:
    assert HASHES.pseudonymize_unknown("carrier", value) == value


def test_a_long_text_is_searched_for_an_address_in_one_pass() -> None:
    assert HASHES.pseudonymize_unknown("blob", "x" * 2**20) == "x" * 2**20
    assert HASHES.pseudonymize_unknown("blob", "@x" * 2**19) == "@x" * 2**19
    assert HASHES.pseudonymize_unknown("blob", "x" * 2**20 + "@shop.example") == HASHES.pseudonym(
        "x" * 2**20 + "@shop.example"
    )


def test_names_within_an_object_with_a_personal_name_are_hashed_unless_they_name_fields() -> None:
    shown = HASHES.pseudonymize_unknown("contacts", {"Marie Curie": {"status": 1}, "date": "2026-01-31"})
    assert list(shown) == [HASHES.pseudonym("Marie Curie"), "date"]
    assert list(shown[HASHES.pseudonym("Marie Curie")]) == ["status"]
    assert HASHES.pseudonymize_unknown("carriers", {"UPS Ground": 1}) == {"UPS Ground": 1}


def test_personal_data_can_be_kept_by_choice() -> None:
    kept = Pseudonymizer(None)
    assert kept.pseudonym("Zoë") == "Zoë"
    assert kept.column("recipient__name", pa.array(["Zoë"])).to_pylist() == ["Zoë"]
    assert kept.pseudonymize_unknown("contact", {"mail": "ann@shop.example"}) == {"mail": "ann@shop.example"}


def test_two_lists_of_fields_outweigh_what_looks_personal() -> None:
    chosen = Pseudonymizer(b"key", hash_fields=["carrier", "channel.tags", "place__city"], plain_fields=["note", "sms"])
    assert chosen.pseudonymize_unknown("carrier", "UPS") == chosen.pseudonym("UPS")
    assert chosen.pseudonymize_unknown("channel", {"tags": ["a"], "sort": "b"}) == {
        "tags": [chosen.pseudonym("a")],
        "sort": "b",
    }
    assert chosen.pseudonymize_unknown("note", "ring twice") == "ring twice"
    assert chosen.pseudonymize_unknown("sms", {"phone": "514-555-0101"}) == {"phone": "514-555-0101"}
    assert chosen.pseudonymize_unknown("sms_phone", "x") == chosen.pseudonym("x")
    assert chosen.is_personal("place__city", {"place__address1"})
    assert chosen.is_personal("place__address1", {"place__address1"})
    assert not Pseudonymizer(b"key", plain_fields=["place__address1"]).is_personal(
        "place__address1", {"place__address1"}
    )


@pytest.mark.parametrize("splitter", ["\u200b", "\x1b", "\x1b[31m", "\\u001b[0m", "\b", "\0", "\x9b", "\n", "\ufeff"])
@pytest.mark.parametrize("before", [0, 60, 80, 95])
def test_an_excerpt_holds_no_part_of_a_secret_that_is_split_or_shortened(splitter: str, before: int) -> None:
    register_secret("5|made-up-secret-of-this-test")
    secret = splitter.join(["5|made-up-secr", "et-of-this-test"])
    for value in (secret, {"echo": [secret]}, "x" * before + secret):
        for excerpt in (Pseudonymizer(None).excerpt("n", value, None), Pseudonymizer(None).row_excerpt(value)):
            assert "5|made-up" not in excerpt
