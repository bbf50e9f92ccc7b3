"""Ids of events: each team's own, from which nobody can count."""

import pytest

from gateway.jobs.event_ids import BEGINNING, id_of, seq_of

KEYS = [b"the key that signs", b"the one before"]


@pytest.mark.parametrize("seq", [1, 17, 2**40, 2**63 - 1])
def test_an_id_leads_back_to_its_event(seq: int) -> None:
    assert seq_of(id_of(seq, "a", KEYS), "a", KEYS) == seq
    assert seq_of(id_of(seq, "a", KEYS[1:]), "a", KEYS) == seq


def test_it_is_no_other_teams_and_no_other_keys() -> None:
    id = id_of(17, "a", KEYS)
    assert seq_of(id, "b", KEYS) is None
    assert seq_of(id, "a", KEYS[1:]) is None
    assert id_of(17, "b", KEYS) != id


def test_neighbours_have_nothing_in_common() -> None:
    found = [id_of(seq, "a", KEYS) for seq in range(1, 200)]
    assert len({id[:5] for id in found}) == len(found)
    assert found != sorted(found)


def test_the_beginning_is_before_every_event() -> None:
    assert seq_of(BEGINNING, "a", KEYS) == 0


@pytest.mark.parametrize("id", ["", "1", "00", "A" * 22, "A" * 21, "A" * 23, "é" * 22, "/" * 22, " " + "A" * 21])
def test_what_was_never_an_id(id: str) -> None:
    assert seq_of(id, "a", KEYS) is None


def test_another_spelling_of_an_id_is_none() -> None:
    """22 characters hold four bits more than the id has."""
    id = id_of(17, "a", KEYS)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spelled = [id[:-1] + letter for letter in alphabet if seq_of(id[:-1] + letter, "a", KEYS) == 17]
    assert spelled == [id]
