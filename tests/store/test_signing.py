"""A signed URL opens one picture of one team for its time, and nothing else."""

from urllib.parse import parse_qs

from hypothesis import given
from hypothesis import strategies as st

from gateway.store.signing import Verdict, sign, verify

NEW, OLD, FOREIGN = b"n" * 32, b"o" * 32, b"f" * 32
NAME = f"{'a' * 64}.png"


def parts(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query, strict_parsing=True).items()}


def test_it_opens_what_was_signed_until_it_expires() -> None:
    query = parts(sign(NAME, "default", 1000, [NEW]))
    assert query["team"] == "default"
    assert query["expires"] == "1000"
    assert verify(NAME, **query, keys=[NEW], now=999.9) is Verdict.VALID
    assert verify(NAME, **query, keys=[NEW], now=1000) is Verdict.EXPIRED


def test_the_first_key_signs_and_all_verify() -> None:
    query = parts(sign(NAME, "default", 1000, [NEW, OLD]))
    assert verify(NAME, **query, keys=[NEW], now=0) is Verdict.VALID
    assert verify(NAME, **query, keys=[OLD, NEW], now=0) is Verdict.VALID
    assert verify(NAME, **query, keys=[OLD], now=0) is Verdict.FORGED
    assert verify(NAME, **query, keys=[], now=0) is Verdict.FORGED


def test_whoever_changes_a_part_forges_and_is_not_told_that_it_expired() -> None:
    query = parts(sign(NAME, "default", 1000, [NEW]))
    for changed in ({"team": "other"}, {"expires": "9000"}, {"expires": "1000 "}, {"signature": "0" * 64}):
        assert verify(NAME, **(query | changed), keys=[NEW], now=5000) is Verdict.FORGED
    assert verify("b" + NAME[1:], **query, keys=[NEW], now=0) is Verdict.FORGED


@given(st.text(), st.text(), st.integers(0, 2**40), st.lists(st.binary(min_size=1), min_size=1, max_size=3))
def test_every_signature_fits_its_own_parts(name: str, team: str, expires: int, keys: list[bytes]) -> None:
    query = sign(name, team, expires, keys)
    signature = query.rpartition("=")[2]
    for key in keys[:1]:
        assert verify(name, team=team, expires=str(expires), signature=signature, keys=[FOREIGN, key], now=-1)
    judged = verify(name, team=team, expires=str(expires), signature=signature, keys=keys, now=expires - 1)
    assert judged is Verdict.VALID


@given(st.text(), st.text(), st.text(), st.text())
def test_no_text_is_accepted_or_makes_it_fail(name: str, team: str, expires: str, signature: str) -> None:
    assert verify(name, team=team, expires=expires, signature=signature, keys=[NEW], now=0) is Verdict.FORGED


@given(st.text(min_size=1, max_size=20))
def test_parts_cannot_be_shifted_into_one_another(text: str) -> None:
    query = parts(sign("n" + text, "t", 1, [NEW]))
    assert verify(text, team="tn", expires="1", signature=query["signature"], keys=[NEW], now=0) is Verdict.FORGED
