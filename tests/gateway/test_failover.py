"""The next provider is asked when nothing was paid and nobody forbade it; what is moderated is asked nowhere else."""

from typing import Any

import pytest

from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.drawn import asked, content_of, each, failed, served
from tests.gateway.running import RunningGateway

TRIES = 3
ALWAYS = -1


def busy(provider: str, times: int = ALWAYS) -> dict[str, Any]:
    step = "submit" if provider == "fal" else "generate"
    return {"provider": provider, "on": step, "effect": "status", "status": 503, "times": times}


def asked_for(simulators: Simulators, provider: str) -> int:
    return len([call for call in simulators.calls(provider) if call["step"] in {"submit", "generate"}])


@pytest.mark.parametrize(
    ("fault", "tries"),
    [
        ({"on": "submit", "effect": "status", "status": 503}, TRIES),
        ({"on": "submit", "effect": "failed"}, TRIES),
        ({"on": "submit", "effect": "status", "status": 401}, 1),
        ({"on": "submit", "effect": "status", "status": 403}, 1),
        ({"on": "submit", "effect": "status", "status": 429, "headers": {"Retry-After": "3600"}}, 1),
        ({"on": "submit", "effect": "status", "status": 422, "body": {"detail": [{"msg": "no", "type": "x"}]}}, 1),
    ],
    ids=str,
)
def test_the_next_provider_is_asked_when_nothing_was_paid(
    easel: RunningGateway, simulators: Simulators, fault: dict[str, Any], tries: int
) -> None:
    simulators.set_faults([{"provider": "fal", "times": ALWAYS, **fault}])
    answer = easel.generate(asked(seed=1, n=1))
    body = served(answer)
    assert each(body, "provider") == ["lumenfall"]
    assert answer.headers["x-easel-provider"] == "lumenfall"
    assert body["metadata"]["executed_model"] == "lumenfall/qwen-image"
    told = [row["provider"] for row in body["metadata"]["attempts"]]
    assert told == ["fal"] * tries + ["lumenfall"]
    assert (simulators.paid("fal"), simulators.paid("lumenfall")) == (0, 1)
    assert asked_for(simulators, "fal") == tries
    assert simulators.calls("vllm-omni") == []


def test_what_the_failover_drew_is_known(easel: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults([busy("fal")])
    body = asked(seed=1)
    served(easel.generate(body))
    again = served(easel.generate(body))
    assert (each(again, "cache"), each(again, "provider")) == (["hit"], ["lumenfall"])
    assert simulators.paid("lumenfall") == 1


def test_the_rows_describe_the_offer_that_delivered(easel: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults([busy("fal")])
    body = served(easel.generate(asked(seed=1, safety="on", size="640x320")))
    rows = {row["name"]: (row["behavior"], row["sent"]) for row in body["metadata"]["parameters"]}
    assert rows["safety"][0] == "dropped"
    assert rows["size"] == ("passthrough", "640x320")


def test_known_pictures_do_not_tie_a_request_to_a_provider_that_is_away(
    easel: RunningGateway, simulators: Simulators
) -> None:
    body = asked(seed=1)
    served(easel.generate(body))
    simulators.set_faults([busy("fal")])
    two = served(easel.generate(body, n=2))
    assert (each(two, "provider"), each(two, "cache")) == (["lumenfall"] * 2, ["miss"] * 2)
    assert simulators.paid("lumenfall") == 2


def test_a_forced_provider_is_the_only_one(easel: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults([busy("fal")])
    answer = easel.generate(asked(seed=1, model="fal/qwen-image"))
    message = failed(answer, 502, "provider_error")
    assert "fal" in message
    assert "may have been paid" not in message
    assert "x-should-retry" not in answer.headers
    assert {call["provider"] for call in simulators.calls()} == {"fal"}
    assert asked_for(simulators, "fal") == TRIES


def test_when_all_fail_all_are_named(easel: RunningGateway, simulators: Simulators) -> None:
    waits = {"effect": "status", "status": 429, "headers": {"Retry-After": "45"}}
    no_key = {"effect": "status", "status": 401, "times": ALWAYS}
    simulators.set_faults(
        [
            busy("fal"),
            {"provider": "lumenfall", "on": "generate", **waits},
            {"provider": "vllm-omni", "on": "generate", **no_key},
        ]
    )
    answer = easel.generate(asked(seed=1))
    message = failed(answer, 502, "provider_error")
    assert all(f"{provider}: " in message for provider in ("fal", "lumenfall", "vllm-omni"))
    assert "x-should-retry" not in answer.headers
    assert answer.headers["retry-after"] == "45"
    assert [simulators.paid(name) for name in ("fal", "lumenfall", "vllm-omni")] == [0, 0, 0]


@pytest.mark.parametrize("wish", [{}, {"mix_providers": True}], ids=["silent", "mixes"])
def test_what_is_missing_comes_from_the_next_and_is_told(
    easel: RunningGateway, simulators: Simulators, wish: dict[str, Any]
) -> None:
    refused = {"provider": "fal", "on": "submit", "effect": "status", "status": 422, "body": {"detail": "no"}}
    simulators.set_faults([refused])
    mixed = served(easel.generate(asked(seed=1, n=3, **wish)))
    providers = each(mixed, "provider")
    assert sorted(providers) == ["fal", "fal", "lumenfall"]
    assert each(mixed, "seed") == [1, 2, 3]
    [call] = simulators.calls("lumenfall", "generate")
    assert (call["body"]["seed"], call["body"]["n"]) == (1 + providers.index("lumenfall"), 1)
    assert (simulators.paid("fal"), simulators.paid("lumenfall")) == (2, 1)
    assert len({content_of(image) for image in mixed["data"]}) == 3
    [row] = [row for row in mixed["metadata"]["parameters"] if row["name"] == "n"]
    assert "1 of 3 pictures from lumenfall" in row["note"]
    assert [row["provider"] for row in mixed["metadata"]["attempts"]][-1] == "lumenfall"


def test_who_forbids_mixing_gets_one_providers_pictures_or_an_error(
    easel: RunningGateway, simulators: Simulators
) -> None:
    refused = {"provider": "fal", "on": "submit", "effect": "status", "status": 422, "body": {"detail": "no"}}
    simulators.set_faults([refused])
    body = asked(seed=1, n=3, mix_providers=False)
    answer = easel.generate(body)
    assert "1 of 3 pictures are missing" in failed(answer, 502, "provider_error")
    assert answer.headers["x-should-retry"] == "false"
    assert simulators.calls("lumenfall") == []
    again = served(easel.generate(body))
    assert (sorted(each(again, "cache")), set(each(again, "provider"))) == (["hit", "hit", "miss"], {"fal"})
    simulators.set_faults([busy("fal")])  # nothing is made there, so all of them may be the next one's
    assert each(served(easel.generate(asked(seed=1, n=2, mix_providers=False))), "provider") == ["lumenfall"] * 2


MODERATED = [
    ("fal", ("submit", "moderated")),
    ("fal", ("result", "moderated")),
    ("fal", ("result", "nsfw")),
    ("lumenfall", ("generate", "moderated")),
]


@pytest.mark.parametrize(("provider", "fault"), MODERATED)
@pytest.mark.parametrize("n", [1, 2])
def test_what_is_moderated_is_asked_nowhere_else(
    routes: dict[str, RunningGateway], simulators: Simulators, provider: str, fault: tuple[str, str], n: int
) -> None:
    simulators.set_faults([{"provider": provider, "on": fault[0], "effect": fault[1]}])
    body = asked(seed=1, n=n)
    answer = routes[provider].generate(body)
    failed(answer, 400, "content_policy_violation")
    assert answer.json()["error"]["type"] == "image_generation_user_error"
    assert {call["provider"] for call in simulators.calls()} == {provider}
    assert asked_for(simulators, provider) == n
    served(routes[provider].generate(body))  # the flagged one was not remembered, the other one was
    assert asked_for(simulators, provider) == n + 1


@pytest.fixture
def routes(start: Start, easel: RunningGateway, request: pytest.FixtureRequest) -> dict[str, RunningGateway]:
    """A gateway that asks this provider first, with another one behind it."""
    provider = request.node.callspec.params["provider"]
    if provider == "fal":
        return {"fal": easel}
    return {provider: start(models={"qwen-image": {"route": [provider, "vllm-omni"]}})}
