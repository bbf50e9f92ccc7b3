"""What a request counts and how limits are told: tables of values."""

import pytest

from gateway.store.limits import SECOND, WINDOW, Rate, Taken, name_of
from gateway.tenancy.caller import Caller, Limits
from gateway.tenancy.limits import (
    Owner,
    Use,
    asked,
    duration,
    fitting_size,
    headers_of,
    left_of,
    never_fits,
    number,
    owned_by,
    refusal,
)

KEY, TEAM = Owner("key", "key_1"), Owner("team", "team_1")
ALL = Limits(60, 30, 12.5, 4)


def test_who_has_which_limits() -> None:
    caller = Caller("team_1", "key_1", limits=(("key_1", ALL), ("team_1", Limits(10))))
    assert owned_by(caller) == [(KEY, ALL), (TEAM, Limits(10))]
    assert owned_by(Caller()) == []


def test_everything_that_a_request_takes() -> None:
    taken = asked([(KEY, ALL), (TEAM, Limits(max_concurrent_images=9))], Use(2, (2048, 1024)))
    assert [(rate.name, rate.cost, rate.most) for rate in taken.rates] == [
        ("easel:{limits}:requests:key:key_1", 1, 60),
        ("easel:{limits}:images:key:key_1", 2, 30),
        ("easel:{limits}:megapixels:key:key_1", 4.0, 12.5),
    ]
    assert [(place.name, place.most) for place in taken.places] == [
        ("easel:{limits}:concurrent:key:key_1", 4),
        ("easel:{limits}:concurrent:team:team_1", 9),
    ]


def test_a_size_that_nobody_knows_is_one_megapixel() -> None:
    assert Use(3).of("megapixels") == 3
    assert Use(3, (512, 512)).of("megapixels") == 0.75


@pytest.mark.parametrize(
    ("limits", "use", "param", "told"),
    [
        (Limits(images_per_minute=1), Use(2), "n", "key key_1 may have 1 image a minute; ask for 1 at most"),
        (Limits(max_concurrent_images=3), Use(4), "n", "key key_1 may have 3 images at once; ask for 3 at most"),
        (
            Limits(megapixels_per_minute=1),
            Use(4, (1024, 512)),
            "n",
            "key key_1 may have 1 megapixel a minute, and one picture has 0.5; ask for 2 at most",
        ),
        (
            Limits(megapixels_per_minute=0.25),
            Use(1),
            "size",
            "key key_1 may have 0.25 megapixels a minute, and one picture of this size has 1; ask for a smaller one, "
            "such as 512x512",
        ),
        (
            Limits(megapixels_per_minute=0.0001),
            Use(1, (4096, 16)),
            "size",
            "key key_1 may have 0 megapixels a minute, and one picture of this size has 0.062; ask for a smaller one",
        ),
    ],
)
def test_what_never_fits_names_what_would(limits: Limits, use: Use, param: str, told: str) -> None:
    wrong = never_fits([(KEY, limits)], use)
    assert wrong is not None
    assert (wrong.param, wrong.message) == (param, f"{param}: {told}")


def test_the_most_that_fits_does() -> None:
    assert never_fits([(KEY, Limits(1, 4, 4, 4)), (TEAM, ALL)], Use(4, (1024, 1024))) is None


@pytest.mark.parametrize(
    ("megapixels", "pixels", "size"),
    [(0.5, (2048, 1024), (1024, 512)), (1, (4000, 4000), (1024, 1024)), (0.1, (100, 10000), (32, 3232))],
)
def test_a_size_that_fits_has_the_same_shape(megapixels: float, pixels: tuple[int, int], size: tuple[int, int]) -> None:
    assert fitting_size(megapixels, pixels) == size


def test_the_limit_of_which_the_least_is_left_is_told() -> None:
    taken = asked([(KEY, Limits(100, 30)), (TEAM, Limits(10, 40, 2.5))], Use(2, (1024, 1024)))
    used = (WINDOW // 100, 2 * WINDOW // 30, WINDOW // 10, 2 * WINDOW // 40, 2 * WINDOW * 10 // 25)
    assert headers_of(taken, Taken(None, 0, used)) == {
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "9",
        "x-ratelimit-reset-requests": "6s",
        "x-ratelimit-limit-images": "30",
        "x-ratelimit-remaining-images": "28",
        "x-ratelimit-reset-images": "4s",
        "x-ratelimit-limit-megapixels": "2.5",
        "x-ratelimit-remaining-megapixels": "0.5",
        "x-ratelimit-reset-megapixels": "48s",
    }


def test_a_refusal_says_whose_which_what_is_left_and_when() -> None:
    taken = asked([(KEY, ALL), (TEAM, ALL)], Use(2, (1024, 1024)))
    full = Taken(4, 2 * SECOND, (0, 0, 0, 0, WINDOW, 0, 0, 3))
    assert refusal(taken, full) == (
        "team team_1 may have 30 images a minute, and 0 left; this request takes 2, for which there is room in 2.0 s"
    )
    assert refusal(taken, Taken(7, SECOND, (0, 0, 0, 0, 0, 0, 0, 3))) == (
        "team team_1 may have 4 images drawn at once, and has 3; this request asks for 2 more, so try again when "
        "one is done"
    )


@pytest.mark.parametrize("most", [1, 7, 13, 60, 999])
def test_what_is_left_is_exact_after_any_number_of_requests(most: int) -> None:
    """What is owed was rounded down each time."""
    rate = Rate(name_of("requests", "key:key_1"), 1, most)
    for taken in {0, 1, most // 3, most - 1, most}:
        assert left_of(rate, "requests", taken * rate.owes) == most - taken


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [(0, "0s"), (1, "1ms"), (119_500, "120ms"), (999_001, "1s"), (SECOND, "1s"), (5_900_000, "6s"), (WINDOW, "1m0s")],
)
def test_a_duration_is_told_as_openai_does(microseconds: int, text: str) -> None:
    assert duration(microseconds) == text


@pytest.mark.parametrize(("value", "text"), [(1e9, "1000000000"), (0.5, "0.5"), (12.0, "12"), (0.0001, "0")])
def test_a_number_has_no_exponent(value: float, text: str) -> None:
    assert number(value) == text
