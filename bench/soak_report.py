"""What a soak found, held against what it promises."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection

from bench.soak_clients import SIGNING_KEY, Callers, Receiver, Watcher
from gateway.jobs.event_ids import id_of
from gateway.store.database import Database
from gateway.store.entries import CallRow, Committed
from gateway.store.events import team_events_after
from gateway.store.jobs import DeliveryRow, JobRow, calls_of, deliveries_of, list_jobs

OWN_IDS = {"runware", "civitai"}  # providers that draw one call once, however often it is sent
TEAM = "default"


class Kept(NamedTuple):
    """A job as the database has it."""

    row: JobRow
    calls: tuple[CallRow, ...]
    deliveries: tuple[DeliveryRow, ...]


@dataclass
class Findings:
    """`broken` are the promises that were not kept; `figures` what is worth telling."""

    broken: list[str] = field(default_factory=list[str])
    figures: dict[str, object] = field(default_factory=dict[str, object])

    def hold(self, promise: str, *, kept: bool) -> None:
        if not kept:
            self.broken.append(promise)


def read_jobs(connection: Connection) -> list[Kept]:
    rows = list_jobs(connection, TEAM, limit=100_000)
    return [Kept(row, calls_of(connection, row.id), deliveries_of(connection, row.id)) for row in rows]


async def all_events(database: Database) -> list[Committed]:
    found: list[Committed] = []
    while page := await database.read(team_events_after, TEAM, found[-1].seq if found else 0, 1000):
        found += page
    return found


def judge_jobs(findings: Findings, kept: Sequence[Kept], callers: Callers, paid: Mapping[str, int]) -> None:
    """Each was taken once, finished once, and paid once, unless nobody can know."""
    ids = {each.row.id for each in kept}
    findings.hold("every caller's job is there, and no other", kept=set(callers.jobs.values()) == ids)
    findings.hold("every caller has a job of his own", kept=len(ids) == len(callers.jobs))
    statuses = Counter(each.row.status for each in kept)
    findings.figures |= {"statuses": dict(statuses), "submissions": callers.tries}
    findings.hold("every job is over", kept=all(each.row.finished for each in kept))
    by_provider: dict[str, dict[str, int]] = {}
    for provider in paid:
        mine = [each for each in kept if {call.provider for call in each.calls} == {provider}]
        unknown = sum(any(call.state == "unknown" for call in each.calls) for each in mine)
        succeeded = sum(each.row.status == "succeeded" for each in mine)
        told = {"jobs": len(mine), "succeeded": succeeded, "unknown": unknown, "paid": paid[provider]}
        by_provider[provider] = told
        findings.hold(f"{provider}: nothing is paid twice", kept=paid[provider] <= len(mine))
        findings.hold(f"{provider}: what is not there is told as unknown", kept=succeeded + unknown == len(mine))
        findings.hold(f"{provider}: what was drawn was paid", kept=paid[provider] >= succeeded)
        if provider in OWN_IDS:
            findings.hold(f"{provider}: everything succeeds", kept=succeeded == len(mine) == paid[provider])
    findings.figures["providers"] = by_provider
    findings.figures["attempts at a job"] = dict(sorted(Counter(each.row.attempt for each in kept).items()))


def judge_events(findings: Findings, events: Sequence[Committed], watchers: Sequence[Watcher]) -> None:
    """Each client saw each event once, in their order; each job was accepted and finished once."""
    whole = [id_as_told(event) for event in events]
    for number, watcher in enumerate(watchers):
        missed = len(set(whole) - set(watcher.seen))
        findings.hold(f"watcher {number} missed nothing ({missed})", kept=not missed)
        findings.hold(f"watcher {number} saw each event once, in order", kept=watcher.seen[: len(whole)] == whole)
    for kind in ("accepted", "finished"):
        times = Counter(event.job for event in events if event.type == kind)
        findings.hold(f"each job is {kind} once", kept=set(times.values()) == {1})
    findings.figures |= {
        "events": dict(Counter(event.type for event in events)),
        "connections of watchers": [watcher.connections for watcher in watchers],
    }


def id_as_told(event: Committed) -> str:
    return id_of(event.seq, event.team, [SIGNING_KEY.encode()])


def judge_webhooks(findings: Findings, kept: Sequence[Kept], receiver: Receiver) -> None:
    """Each job's end was told, under one id that is no other's."""
    ids = {each.row.id: {delivery.id for delivery in each.deliveries} for each in kept}
    findings.hold("each job has one webhook", kept=all(len(each) == 1 for each in ids.values()))
    came = {job: set(told) for job, told in receiver.ids.items()}
    findings.hold("each webhook came, under its own id", kept=came == ids)
    findings.hold("no two have one id", kept=len(set[str]().union(*ids.values())) == len(ids))
    findings.figures["webhooks received"] = sum(map(len, receiver.ids.values()))
