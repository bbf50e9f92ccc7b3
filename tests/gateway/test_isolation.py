"""What belongs to a team is, for every other one, as if it had never been."""

import re
import secrets
from typing import Any

import httpx
import pytest

from gateway.jobs.event_ids import id_of
from simulators.running import Simulators
from tests.gateway.job_client import events
from tests.gateway.own_keys import Team
from tests.gateway.probes import Ids, Request, probes
from tests.gateway.running import RunningGateway
from tests.gateway.tenants import bearing, make_key

SIGNED = re.compile(r"\?team=[^\"]*")  # of a URL, at each look anew
PASSING = {"date", "x-request-id", "content-length"}  # headers that differ each time, or with the length of an id


class Owner(Team):
    """A team that has one of everything."""

    @property
    def admin(self) -> dict[str, str]:
        return bearing(make_key(self.gateway, team=self.id, role="team_admin"))

    def ids(self) -> Ids:
        """By kind."""
        admin, http = self.admin, self.gateway.http
        self.brings("openai")
        over = self.draws("fal/qwen-image", prompt=self.id, seed=1).headers["x-request-id"]
        [picture] = self.ask("GET", f"/v1/jobs/{over}").json()["result"]["data"]
        url = httpx.URL(picture["url"])
        made = http.post(f"/v1/admin/teams/{self.id}/webhook-secrets", headers=admin)
        with http.stream("GET", f"/v1/jobs/{over}/events", headers=admin) as answer:
            event = next(events(answer)).id
        return {
            "team": [self.id, http.get(f"/v1/admin/teams/{self.id}").json()["name"]],
            "key": [self.key.id],
            "job": [over],
            "file": [f"{url.path.rpartition('/')[2]}?{url.query.decode()}"],
            "secret": [made.json()["id"]],
            "line": [str(http.get("/v1/admin/ledger", headers=admin).json()["data"][0]["id"])],
            "event": [event],
            "token": [f"{over}.0.{'A' * 43}"],
        }

    def all_there_is(self) -> dict[str, Any]:
        """What the team sees of itself."""
        here, admin = f"/v1/admin/teams/{self.id}", self.admin
        asked = ("/v1/jobs", "/v1/admin/ledger", "/v1/usage", here, f"{here}/webhook-secrets", self.path())
        found = {path: SIGNED.sub("", self.gateway.http.get(path, headers=admin).text) for path in asked}
        keys = self.gateway.http.get("/v1/admin/keys", headers=admin).json()["data"]
        mine = [{**key, "last_used": None} for key in keys if key["id"] == self.key.id]
        return {**found, "keys": mine}


def never(ids: Ids) -> Ids:
    """For each of these the next one, which nobody has."""
    hex = {kind: [next_to(id) for id in ids[kind]] for kind in ("team", "key", "job", "secret")}
    return {
        **hex,
        "file": [f"{secrets.token_hex(32)}.png"],
        "line": ["999999999999"],
        "event": [id_of(1, "nobody", [b"nobody's"])],
        "token": [f"{hex['job'][0]}.0.{'A' * 43}"],
    }


def next_to(id: str) -> str:
    return f"{id[:-1]}{(int(id[-1], 16) + 1) % 16:x}"


def ask(gateway: RunningGateway, wanted: Request, headers: dict[str, str]) -> httpx.Response:
    """Without waiting for a stream to end."""
    with gateway.http.stream(
        wanted.method,
        wanted.path,
        params=wanted.query or None,
        headers={**headers, **wanted.headers},
        json=wanted.body,
    ) as answer:
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            answer.read()
        return answer


def shape(answer: httpx.Response, value: str) -> tuple[int, dict[str, str], str]:
    """All of an answer but the id that was asked about."""
    headers = {name: text for name, text in answer.headers.items() if name not in PASSING}
    return answer.status_code, headers, answer.text.replace(value, "…")


@pytest.fixture
def owner(easel: RunningGateway, simulators: Simulators) -> Owner:
    return Owner.new(easel, simulators)


@pytest.fixture
def stranger(easel: RunningGateway, simulators: Simulators) -> Owner:
    return Owner.new(easel, simulators)


def of_one(ids: Ids, others: Ids) -> Ids:
    """A picture's URL is all that it takes to see it: what is probed is its name with a signature for another one."""
    [url], [signed] = ids["file"], others["file"]
    return {**ids, "file": [f"{url.partition('?')[0]}?{signed.partition('?')[2]}", url.partition("?")[0]]}


def test_every_id_of_another_team_is_one_that_never_was(
    easel: RunningGateway, owner: Owner, stranger: Owner, simulators: Simulators
) -> None:
    foreign, own = owner.ids(), stranger.ids()
    simulators.set_pace("fal", queue_seconds=3600)
    runs = owner.draws("fal/qwen-image", headers={"prefer": "respond-async"}).json()["id"]
    foreign = {**foreign, "job": [*foreign["job"], runs]}
    every = list(probes(of_one(foreign, own), of_one(never(foreign), own), own))
    before = owner.all_there_is()
    for role in (stranger.key.headers, stranger.admin):
        for probe in every:
            others, nobodys = (
                shape(ask(easel, wanted, role), value)
                for wanted, value in zip((probe.foreign, probe.never), probe.given, strict=True)
            )
            assert others == nobodys, probe.name
            # A list may just be shorter: it goes on behind a place, or is of one request, of which there is nothing.
            assert others[0] in {400, 403, 404} or probe.name.startswith("GET /v1/admin/"), probe
    assert owner.all_there_is() == before
    assert simulators.calls(step="cancel") == []
    assert owner.ask("POST", f"/v1/jobs/{runs}/cancel").status_code in {200, 202}


def test_the_same_ids_lead_to_something_for_their_own_team(easel: RunningGateway, owner: Owner) -> None:
    """So that what is probed is what it seems to be."""
    own, admin = owner.ids(), owner.admin
    first = {kind: values[:1] for kind, values in own.items()}
    looked = [probe for probe in probes(first, never(first), own) if probe.foreign.method in {"GET", "HEAD"}]
    assert len(looked) > 15
    for probe in looked:
        if probe.name.endswith("/v1/images/files/{name} query team"):
            continue  # signed for one picture, name and team together
        answer = ask(easel, probe.foreign, admin)
        assert answer.status_code in {200, 204}, (probe, answer.text)
