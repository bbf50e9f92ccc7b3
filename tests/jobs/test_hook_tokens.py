"""A token is good for one call at one provider, at every gateway with the keys, and cannot be made without them."""

import pytest

from gateway.jobs.hook_tokens import HookedCall, call_of, token_of
from gateway.store.signing import sign

KEYS = (b"the new key of the tests", b"the old key of the tests")
CALL = HookedCall("fal", "req_0123456789abcdef01234567", 12)
TOKEN = token_of(CALL, KEYS)


def test_it_names_its_call_to_whoever_has_the_keys() -> None:
    assert TOKEN.startswith("req_0123456789abcdef01234567.12.")
    assert call_of("fal", TOKEN, KEYS) == CALL


def test_the_first_key_signs_and_any_verifies() -> None:
    assert call_of("fal", TOKEN, KEYS[:1]) == CALL
    assert call_of("fal", TOKEN, KEYS[1:]) is None
    assert call_of("fal", token_of(CALL, KEYS[1:]), KEYS) == CALL


def test_it_is_the_same_every_time() -> None:
    assert token_of(CALL, KEYS) == TOKEN


@pytest.mark.parametrize(
    "call",
    [
        HookedCall("fa", "req_0123456789abcdef01234567", 12),
        HookedCall("replicate", "req_0123456789abcdef01234567", 12),
        HookedCall("fal", "req_0123456789abcdef01234568", 12),
        HookedCall("fal", "req_0123456789abcdef01234567", 1),
        HookedCall("fal", "req_0123456789abcdef01234567", 2),
    ],
)
def test_every_other_call_has_another(call: HookedCall) -> None:
    proof = TOKEN.rpartition(".")[2]
    assert token_of(call, KEYS).rpartition(".")[2] != proof
    assert call_of(call.provider, f"{call.job}.{call.number}.{proof}", KEYS) is None


@pytest.mark.parametrize("place", range(len(TOKEN)))
def test_no_character_can_be_changed(place: int) -> None:
    for other in "0Az-_.=~ é\n":
        if other != TOKEN[place]:
            assert call_of("fal", TOKEN[:place] + other + TOKEN[place + 1 :], KEYS) is None


@pytest.mark.parametrize("token", ["", ".", "..", TOKEN + "\n", TOKEN + "=", f" {TOKEN}", TOKEN[:-1], TOKEN.upper()])
def test_it_has_one_spelling(token: str) -> None:
    assert call_of("fal", token, KEYS) is None


@pytest.mark.parametrize("number", ["012", "+12", "1_2", "-12", "12.0", "١٢", "9999999"])
def test_a_number_has_one_spelling(number: str) -> None:
    job, _number, proof = TOKEN.split(".")
    assert call_of("fal", f"{job}.{number}.{proof}", KEYS) is None


def test_a_pictures_signature_is_none() -> None:
    signature = sign("12", "fal", 12, KEYS).rpartition("=")[2]
    assert call_of("fal", f"{CALL.job}.12.{signature[:43]}", KEYS) is None
