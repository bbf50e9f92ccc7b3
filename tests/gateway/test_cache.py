"""What is known is not drawn again, and not paid again: by policy, field, header, place, format and spelling."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from simulators.running import Simulators
from tests.gateway.conftest import simulated_settings
from tests.gateway.drawn import asked, content_of, each, failed, served
from tests.gateway.running import RunningGateway


def test_a_seeded_picture_is_drawn_once_and_then_costs_nothing(easel: RunningGateway, simulators: Simulators) -> None:
    body = asked(seed=7)
    first, second = easel.generate(body), easel.generate(body)
    assert simulators.paid("fal") == 1
    assert [answer.headers["x-easel-cache"] for answer in (first, second)] == ["miss", "hit"]
    assert [each(served(answer), "cache") for answer in (first, second)] == [["miss"], ["hit"]]
    assert (first.headers["x-easel-cost"], second.headers["x-easel-cost"]) == ("0.02", "0")
    known = served(second)
    assert (known["metadata"]["cost"], known["metadata"]["cache"], known["metadata"]["attempts"]) == (0.0, "hit", [])
    same = ("seed", "width", "height", "content_type", "provider")
    assert [known["data"][0][name] for name in same] == [served(first)["data"][0][name] for name in same]
    assert content_of(known["data"][0]) == content_of(served(first)["data"][0])


def test_four_after_two_draws_two(easel: RunningGateway, simulators: Simulators) -> None:
    body = asked(seed=40)
    two = served(easel.generate(body, n=2))
    assert simulators.paid("fal") == 2
    answer = easel.generate(body, n=4)
    four = served(answer)
    assert simulators.paid("fal") == 4
    assert sorted(call["body"]["seed"] for call in simulators.calls("fal", "submit")) == [40, 41, 42, 43]
    assert answer.headers["x-easel-cache"] == "partial"
    assert each(four, "cache") == ["hit", "hit", "miss", "miss"]
    assert each(four, "seed") == [40, 41, 42, 43]
    assert four["metadata"]["cost"] == 0.04
    assert [content_of(image) for image in four["data"][:2]] == [content_of(image) for image in two["data"]]
    assert len({content_of(image) for image in four["data"]}) == 4
    middle = served(easel.generate({**body, "seed": 41}, n=2))
    assert (each(middle, "cache"), each(middle, "seed")) == (["hit", "hit"], [41, 42])
    assert simulators.paid("fal") == 4


@pytest.fixture(scope="module")
def by_policy(
    all_simulators: Simulators, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, RunningGateway]]:
    """A gateway for each policy."""
    with ExitStack() as stack:
        yield {
            policy: stack.enter_context(
                RunningGateway(
                    simulated_settings(all_simulators, tmp_path_factory.mktemp(policy), cache={"policy": policy})
                )
            )
            for policy in ("seeded", "always", "off")
        }


@dataclass(frozen=True)
class Wishes:
    """The configured policy, what the request says about it, and what becomes of it the second time."""

    policy: str
    outcome: str
    seed: int | None = None
    field: str | None = None
    header: str | None = None

    @property
    def body(self) -> dict[str, Any]:
        given = {"cache": self.field, "seed": self.seed}
        return asked(
            model="vllm-omni/qwen-image", **{name: value for name, value in given.items() if value is not None}
        )


@pytest.mark.parametrize(
    "wishes",
    [
        Wishes("seeded", "hit", seed=1),
        Wishes("seeded", "off"),
        Wishes("seeded", "hit", field="always"),
        Wishes("seeded", "off", seed=1, field="off"),
        Wishes("seeded", "off", seed=1, field="always", header="off"),
        Wishes("always", "hit"),
        Wishes("always", "off", field="seeded"),
        Wishes("always", "off", header="off"),
        Wishes("off", "off", seed=1),
        Wishes("off", "hit", seed=1, field="seeded"),
    ],
    ids=repr,
)
def test_the_policy_the_field_and_the_header(
    by_policy: dict[str, RunningGateway], simulators: Simulators, wishes: Wishes
) -> None:
    body = wishes.body
    headers = {"x-easel-cache": wishes.header} if wishes.header else None
    answers = [by_policy[wishes.policy].generate(body, headers=headers) for _time in range(2)]
    assert answers[1].headers["x-easel-cache"] == wishes.outcome
    assert simulators.paid("vllm-omni") == (1 if wishes.outcome == "hit" else 2)
    pictures = {content_of(served(answer)["data"][0]) for answer in answers}
    assert len(pictures) == (2 if wishes.outcome == "off" and wishes.seed is None else 1)


def test_without_a_seed_always_knows_pictures_by_their_place(
    by_policy: dict[str, RunningGateway], simulators: Simulators
) -> None:
    body = asked(model="vllm-omni/qwen-image")
    two = served(by_policy["always"].generate(body, n=2))
    three = served(by_policy["always"].generate(body, n=3))
    assert simulators.paid("vllm-omni") == 3
    assert each(three, "cache") == ["hit", "hit", "miss"]
    assert [content_of(image) for image in three["data"][:2]] == [content_of(image) for image in two["data"]]


def test_only_forbids_drawing(easel: RunningGateway, simulators: Simulators) -> None:
    only = {"x-easel-cache": "only"}
    body = asked(seed=3)
    failed(easel.generate(body, headers=only), 404, "not_cached")
    assert simulators.calls() == []
    served(easel.generate(body))
    asked_before = len(simulators.calls())
    known = easel.generate(body, headers=only)
    assert (known.headers["x-easel-cache"], each(served(known), "cache")) == ("hit", ["hit"])
    assert "1 of 2" in failed(easel.generate(body, n=2, headers=only), 404, "not_cached")
    assert len(simulators.calls()) == asked_before


def test_what_off_draws_is_not_remembered(easel: RunningGateway, simulators: Simulators) -> None:
    body = asked(seed=3)
    assert easel.generate(body, headers={"x-easel-cache": "off"}).headers["x-easel-cache"] == "off"
    assert easel.generate(body).headers["x-easel-cache"] == "miss"
    assert simulators.paid("fal") == 2


def test_a_stored_picture_that_was_deleted_is_drawn_again(gateway: RunningGateway, simulators: Simulators) -> None:
    body = asked(seed=5)
    before = content_of(served(gateway.generate(body, n=2))["data"][0])
    kept = list((gateway.app.settings.server.data_dir / "images" / "default").iterdir())
    assert len(kept) == 2
    next(path for path in kept if path.read_bytes() == before).unlink()
    again = served(gateway.generate(body, n=2))
    assert each(again, "cache") == ["miss", "hit"]
    assert simulators.paid("fal") == 3
    assert content_of(again["data"][0]) == before


CHANGES: list[tuple[dict[str, Any], int]] = [
    ({"output_format": "jpeg"}, 2),
    ({"output_format": "png"}, 1),
    ({"output_format": "webp", "output_compression": 50}, 2),
    ({"prompt": "another fox"}, 2),
    ({"size": "128x64"}, 2),
    ({"negative_prompt": "a hound"}, 2),
    ({"model": "lumenfall/qwen-image"}, 2),
    ({"user": "ada"}, 1),
    ({"response_format": "b64_json"}, 1),
    ({"model": "fal/qwen-image"}, 1),
    ({"sync_mode": False}, 1),
]


@pytest.mark.parametrize(("change", "drawn"), CHANGES, ids=[str(change) for change, _drawn in CHANGES])
def test_what_makes_another_picture(
    easel: RunningGateway, simulators: Simulators, change: dict[str, Any], drawn: int
) -> None:
    body = asked(seed=9)
    served(easel.generate(body))
    served(easel.generate(body, **change))
    assert simulators.paid("fal") + simulators.paid("lumenfall") == drawn


def test_both_prefixes_and_every_spelling_find_it(easel: RunningGateway, simulators: Simulators) -> None:
    body = asked(seed=9, n=2)
    served(easel.generate(body))
    spelled = {**body, "model": "fal/qwen-image", "num_images": 2, "size": "64 x 64"}
    del spelled["n"]
    other = easel.http.post("/openai/v1/images/generations", json=dict(reversed(spelled.items())))
    assert other.headers["x-easel-cache"] == "hit", other.text
    assert simulators.paid("fal") == 2


def test_pictures_that_were_made_before_a_failure_are_kept_for_the_retry(
    easel: RunningGateway, simulators: Simulators
) -> None:
    body = asked(seed=60, model="fal/qwen-image")
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "status", "status": 422, "body": {}}])
    failed(easel.generate(body, n=3), 502, "provider_error")
    assert simulators.paid("fal") == 2
    answer = easel.generate(body, n=3)
    assert sorted(each(served(answer), "cache")) == ["hit", "hit", "miss"]
    assert simulators.paid("fal") == 3
