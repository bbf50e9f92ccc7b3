"""What a table calls legal, its provider's stand-in takes: each parameter of each offer, over the real adapter."""

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Generator, Mapping
from typing import Any

import pytest
import pytest_asyncio

from normalizers.asked import Asked, Options
from normalizers.offer import Offer
from normalizers.plan import Plan, plan
from providers.base import Adapter, Answer, Call
from providers.polling import follow
from simulators.running import Simulators
from tests.conformance.legal import bodies, parameters
from tests.conformance.pictures import SMALL, SOURCE, with_wire_forms
from tests.conformance.registered import CATALOG, MODELS, OFFERS, SIMULATED, adapter_for

EACH_PARAMETER = [(key, name) for key, offer in SIMULATED.items() for name in parameters(offer)]

NUMBERS = itertools.count()  # of calls: a provider that lets us choose ids gives a used one its old picture


@pytest.fixture(scope="module")
def running() -> Generator[Simulators]:
    with Simulators() as simulators:
        yield simulators


@pytest_asyncio.fixture
async def adapter(running: Simulators, key: str) -> AsyncGenerator[Adapter]:
    running.reset()
    made = adapter_for(OFFERS[key].provider, running.addresses)
    yield made
    await made.close()


def made_plan(offer: Offer, body: Mapping[str, Any]) -> Plan:
    asked = {"prompt": "a lighthouse at dusk"} if offer.rules["prompt"].works else {}
    if offer.operation != "generate":
        source = SMALL if offer.model == "qwen-image-tiny" else SOURCE
        asked["image"] = [source] * offer.rules["image"].table.get("min_items", 1)
    asked |= {needed.split(" or ")[0]: SOURCE for needed in offer.needs}
    return plan(Asked(offer.model, {**asked, **body}), offer, Options(), CATALOG.known)


async def answers(made: Plan, adapter: Adapter) -> list[tuple[Call, Answer]]:
    told: list[tuple[Call, Answer]] = []
    for planned in made.calls():
        body = await with_wire_forms(planned.payload, made.offer, adapter)
        images = len(planned.indexes)
        call = Call(
            f"req_conformance.{next(NUMBERS)}", made.offer.upstream, made.offer.operation, body, images, made.way
        )
        told.append((call, await answer_to(call, adapter)))
    return told


async def answer_to(call: Call, adapter: Adapter) -> Answer:
    if not hasattr(adapter, "submit"):
        return await adapter.generate(call)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType, reportAttributeAccessIssue] - a direct adapter has no submit
    receipt = await adapter.submit(call)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType, reportAttributeAccessIssue] - and a queued one has
    if isinstance(receipt, Answer):
        return receipt
    return await follow(adapter, receipt, call, time.monotonic() + 30, sleep=at_once)  # pyright: ignore[reportArgumentType, reportUnknownArgumentType] - as above


async def at_once(_seconds: float) -> None:
    """Stand-ins without a pace move on with each look at them."""
    await asyncio.sleep(0)


@pytest.mark.parametrize(("key", "name"), EACH_PARAMETER)
async def test_each_legal_value_is_taken(key: str, name: str, adapter: Adapter, running: Simulators) -> None:
    offer = OFFERS[key]
    for body in bodies(offer, name):
        running.reset()
        made = made_plan(offer, body)
        for call, answer in await answers(made, adapter):
            assert len(answer.images) == call.images, body
            assert not any(image.flagged for image in answer.images), body
        assert running.paid(offer.provider) == made.n, body


@pytest.mark.parametrize("key", SIMULATED)
async def test_the_smallest_request_is_taken(key: str, adapter: Adapter, running: Simulators) -> None:
    for call, answer in await answers(made_plan(OFFERS[key], {}), adapter):
        assert len(answer.images) == call.images == 1
    assert running.paid(OFFERS[key].provider) == 1


@pytest.mark.parametrize("key", OFFERS)
def test_an_offer_says_where_its_facts_are_from(key: str) -> None:
    offer = OFFERS[key]
    assert offer.source
    assert offer.checked >= "2026-01-01"


@pytest.mark.parametrize("key", OFFERS)
def test_the_model_is_described(key: str) -> None:
    """Its title, owner and default size are true wherever it is served: they stand in providers/models.toml."""
    assert OFFERS[key].model in MODELS


@pytest.mark.parametrize("key", OFFERS)
def test_every_parameter_of_a_request_gets_its_row(key: str) -> None:
    offer = OFFERS[key]
    for name in parameters(offer):
        for body in bodies(offer, name):
            made = made_plan(offer, body)
            assert set(body) <= {row.given_as for row in made.decisions}, body


def test_no_offer_is_left_out() -> None:
    """Local workers have no stand-in: they are ours, and tested with a worker."""
    assert {offer.provider for key, offer in OFFERS.items() if key not in SIMULATED} == {"local"}
