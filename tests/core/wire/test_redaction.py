"""Redaction: secrets are struck out of texts and headers, and nothing else is."""

from hypothesis import given
from hypothesis import strategies as st

from anyvenue.wire.redaction import MASK, redact, safe_headers


@given(st.text(), st.lists(st.text(st.characters(exclude_characters="*"), min_size=1), min_size=1), st.text())
def test_no_secret_is_left_in_a_text(before, secrets, after):
    shown = redact(before + " ".join(secrets) + after, secrets)
    assert not [secret for secret in secrets if secret in shown]


def test_what_is_no_secret_stays():
    assert redact("refused: key abc123 is not abc", ["abc123"]) == f"refused: key {MASK} is not abc"
    assert redact("nothing to hide", ["", "abc"]) == "nothing to hide"


def test_a_longer_secret_that_holds_a_shorter_one_leaves_no_rest():
    assert redact("abcdef", ["abc", "abcdef"]) == MASK


def test_a_secret_that_a_repr_wrote_with_escapes_is_found_too():
    secret = "key\n"
    assert redact(f"Illegal header value {secret!r}", [secret]) == f"Illegal header value '{MASK}'"


def test_headers_that_sound_like_secrets_are_masked_and_others_shown():
    headers = {
        "KEY": "k",
        "SIGN": "s",
        "X-Api-Key": "k",
        "X-Signature": "s",
        "Authorization": "Bearer t",
        "Proxy-Authorization": "p",
        "Cookie": "c",
        "Set-Cookie": "c",
        "X-Access-Passphrase": "p",
        "x-mac": "m",
        "Timestamp": "1700000000",
        "Content-Type": "application/json",
        "X-Machine": "7",
    }
    shown = safe_headers(headers)
    assert {name for name, value in shown.items() if value != MASK} == {"Timestamp", "Content-Type", "X-Machine"}
    assert shown["Timestamp"] == "1700000000"
