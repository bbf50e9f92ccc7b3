"""Offers and providers in trouble: who is passed over, why, and who is the least bad."""

import pytest

from gateway.flow.health import LONGEST_WISH, OFFER_FAILURES, Health
from normalizers.offer import Offer
from providers.errors import Kind
from tests.gateway.clock import Clock
from tests.normalizers.offers import GENERATE

QWEN, FLUX, OTHER = GENERATE["fal/qwen-image"], GENERATE["fal/flux-dev"], GENERATE["runware/qwen-image"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(clock)


def fails(health: Health, offer: Offer, times: int, kind: Kind = Kind.FAILED) -> None:
    started = health_now(health)
    for _time in range(times):
        health.failed(offer, kind, started)


def health_now(health: Health) -> float:
    clock = health._clock  # pyright: ignore[reportPrivateUsage] - the test's own clock
    return clock()


def test_a_broken_model_closes_itself_and_not_its_provider(health: Health) -> None:
    fails(health, QWEN, 50)
    assert health.admit(QWEN) == "no"
    assert [health.admit(offer) for offer in (FLUX, OTHER)] == ["yes", "yes"]
    assert {(provider, model): state for provider, model, state in health.states()} == {
        ("fal", ""): "closed",
        ("fal", "qwen-image"): "open",
        ("fal", "flux-dev"): "closed",
        ("runware", ""): "closed",
        ("runware", "qwen-image"): "closed",
    }


def test_two_broken_models_close_their_provider(health: Health) -> None:
    fails(health, QWEN, OFFER_FAILURES)
    fails(health, FLUX, OFFER_FAILURES)
    third = GENERATE["fal/flux-schnell"]
    assert (health.admit(third), health.admit(OTHER)) == ("no", "yes")
    trouble = health.trouble(third)
    assert trouble is not None
    assert trouble.reason == "fal is left alone for another 10 s: its calls fail"


@pytest.mark.parametrize("kind", [Kind.KEY, Kind.CREDIT])
def test_a_key_or_credit_closes_the_provider_with_one_call(health: Health, clock: Clock, kind: Kind) -> None:
    fails(health, QWEN, 1, kind)
    assert (health.admit(QWEN), health.admit(FLUX), health.admit(OTHER)) == ("no", "no", "yes")
    clock.passes(59.9)
    assert health.admit(FLUX) == "no"
    clock.passes(0.2)
    assert health.admit(FLUX) == "probe"


def test_a_model_that_the_key_may_not_use_closes_its_offer_alone(health: Health, clock: Clock) -> None:
    fails(health, QWEN, 1, Kind.NOT_ALLOWED)
    assert (health.admit(QWEN), health.admit(FLUX), health.admit(OTHER)) == ("no", "yes", "yes")
    trouble = health.trouble(QWEN)
    assert trouble is not None
    assert trouble.reason == "fal/qwen-image is left alone for another 60 s: our key may not use this model"
    clock.passes(60)
    assert health.admit(QWEN) == "probe"


@pytest.mark.parametrize("kind", [Kind.BAD_REQUEST, Kind.MODERATED, Kind.RATE, Kind.GONE, Kind.CANCELLED])
def test_what_says_nothing_against_a_provider_closes_nothing(health: Health, kind: Kind) -> None:
    fails(health, QWEN, 50, kind)
    assert health.admit(QWEN) == "yes"


def test_one_probe_at_a_time(health: Health, clock: Clock) -> None:
    fails(health, QWEN, OFFER_FAILURES)
    clock.passes(10)
    assert [health.admit(QWEN) for _request in range(3)] == ["probe", "no", "no"]
    trouble = health.trouble(QWEN)
    assert trouble is not None
    assert trouble.word == "probing"
    health.release(QWEN)  # it brought no verdict: a moderated prompt, say
    assert health.admit(QWEN) == "probe"
    health.succeeded(QWEN, started=clock())
    health.release(QWEN)
    assert [health.admit(QWEN) for _request in range(3)] == ["yes"] * 3


def test_a_probe_that_fails_keeps_it_closed_for_longer(health: Health, clock: Clock) -> None:
    fails(health, QWEN, OFFER_FAILURES)
    clock.passes(10)
    assert health.admit(QWEN) == "probe"
    fails(health, QWEN, 1, Kind.TIMEOUT)
    health.release(QWEN)
    clock.passes(19)
    assert health.admit(QWEN) == "no"
    trouble = health.trouble(QWEN)
    assert trouble is not None
    assert trouble.reason == "fal/qwen-image is left alone for another 1 s: it does not finish in time"
    clock.passes(1)
    assert health.admit(QWEN) == "probe"


def test_a_probe_of_the_provider_goes_to_one_of_its_offers_only(health: Health, clock: Clock) -> None:
    fails(health, QWEN, 1, Kind.CREDIT)
    clock.passes(60)
    assert (health.admit(FLUX), health.admit(QWEN)) == ("probe", "no")
    health.succeeded(FLUX, clock())
    assert health.admit(QWEN) == "yes"


def test_the_end_of_one_probe_does_not_end_another(health: Health, clock: Clock) -> None:
    fails(health, QWEN, OFFER_FAILURES)
    clock.passes(10)
    assert health.admit(QWEN) == "probe"  # which takes its time
    fails(health, FLUX, 1, Kind.KEY)
    clock.passes(60)
    assert health.admit(FLUX) == "probe"
    health.release(QWEN)
    assert health.admit(GENERATE["fal/flux-schnell"]) == "no"
    fails(health, FLUX, 1, Kind.KEY)
    clock.passes(60)
    assert health.admit(FLUX) == "no"  # its pause was doubled


def test_a_provider_that_asks_for_a_pause_gets_it_for_all_its_offers(health: Health, clock: Clock) -> None:
    health.failed(QWEN, Kind.RATE, clock(), retry_after=12)
    assert (health.admit(QWEN), health.admit(FLUX), health.admit(OTHER)) == ("no", "no", "yes")
    trouble = health.trouble(FLUX)
    assert trouble is not None
    assert (trouble.word, trouble.reason) == ("paused", "fal asked for a pause of another 12 s")
    clock.passes(12)
    assert health.admit(FLUX) == "yes"  # without a probe: nothing was wrong


def test_a_shorter_wish_does_not_end_a_longer_one_and_none_is_endless(health: Health, clock: Clock) -> None:
    health.failed(QWEN, Kind.RATE, clock(), retry_after=86_000)
    health.failed(QWEN, Kind.BUSY, clock(), retry_after=1)
    health.failed(QWEN, Kind.RATE, clock(), retry_after=0)
    clock.passes(LONGEST_WISH - 1)
    assert health.admit(QWEN) == "no"
    clock.passes(1)
    assert health.admit(QWEN) == "yes"


def test_the_least_bad_is_the_one_whose_pause_ends_first_and_a_refused_key_is_the_worst(
    health: Health, clock: Clock
) -> None:
    refused, broken, paused = OTHER, QWEN, GENERATE["replicate/qwen-image"]
    fails(health, refused, 1, Kind.KEY)
    fails(health, broken, OFFER_FAILURES)
    health.failed(paused, Kind.RATE, clock(), retry_after=30)
    assert sorted([refused, paused, broken], key=health.badness) == [broken, paused, refused]
    clock.passes(55)  # the refused one's pause has 5 s left, and nothing else is against the others
    health.failed(paused, Kind.RATE, clock(), retry_after=300)
    assert sorted([refused, paused, broken], key=health.badness) == [broken, paused, refused]


def test_it_starts_anew(health: Health) -> None:
    fails(health, QWEN, 1, Kind.KEY)
    health.forget()
    assert health.admit(QWEN) == "yes"
