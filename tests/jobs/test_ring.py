"""The ring keeps the newest events, so many and so large; places stay what they are."""

import pytest

from gateway.jobs.ring import Ring, Transient


def picture(number: int, size: int = 0) -> Transient:
    return Transient("default", "req_1", "partial_image", 1.0, {"number": number}, b"x" * size)


def test_places_count_up_and_are_found_again() -> None:
    ring = Ring()
    events = [picture(number) for number in range(3)]
    assert [ring.append(event) for event in events] == [0, 1, 2]
    assert [ring.at(place) for place in range(ring.start, ring.end)] == events


def test_the_oldest_drop_out_when_there_are_too_many() -> None:
    ring = Ring(most_events=2)
    events = [picture(number) for number in range(5)]
    assert [ring.append(event) for event in events] == [0, 1, 2, 3, 4]
    assert (ring.start, ring.end) == (3, 5)
    assert [ring.at(3), ring.at(4)] == events[3:]


@pytest.mark.parametrize("size", [100_000, 400_000])
def test_the_oldest_drop_out_when_they_are_too_large(size: int) -> None:
    ring = Ring(most_bytes=1_000_000)
    for number in range(100):
        ring.append(picture(number, size))
    assert ring.end == 100
    assert ring.end - ring.start == 1_000_000 // (size + 512)


def test_one_that_is_larger_than_the_ring_is_not_kept() -> None:
    ring = Ring(most_bytes=1000)
    ring.append(picture(0))
    assert ring.append(picture(1, 2000)) == 1
    assert ring.start == ring.end == 2
    assert ring.append(picture(2)) == 2


def test_a_cleared_ring_goes_on_counting() -> None:
    ring = Ring()
    ring.append(picture(0))
    ring.clear()
    assert (ring.start, ring.end) == (1, 1)
    assert ring.append(picture(1)) == 1
    assert ring.at(1).data == {"number": 1}
