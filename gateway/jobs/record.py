"""One job as it is written down, from its first call to its end (`flow/record.py`)."""

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from gateway.flow.calling import NotWritten, OverBudget
from gateway.flow.cost import NOTHING, UNKNOWN, Cost
from gateway.flow.known import cacheable, keys_of
from gateway.flow.order import Order
from gateway.flow.picture import Picture
from gateway.flow.record import Before, CallEnd, MadeBefore, SentCall
from gateway.flow.sending import reason_of
from gateway.flow.stop import Stop
from gateway.jobs.account import Account
from gateway.jobs.before import before_of_leftover
from gateway.jobs.called import planned_call, row_of
from gateway.jobs.job_entries import JobEntries
from gateway.jobs.kept_sources import KeptSources
from gateway.jobs.links import Links
from gateway.jobs.tickets import packed
from gateway.store.database import DatabaseError
from gateway.store.entries import (
    CachedRow,
    Entry,
    EventRow,
    Finish,
    HoldRefused,
    Lease,
    LeaseLost,
    NewJob,
    Written,
)
from gateway.store.records import record_name
from normalizers.plan import Plan
from providers.base import Partial, Progress, Ticket
from providers.errors import ProviderError

Seen = Callable[[int, Picture | Progress | Partial], None]  # a picture's place, and what there is of it


class JobRecord:
    """`new` gives the job's own row, which is written with whatever comes first, for so many planned pictures (None
    without a plan); for a job that was taken up there is none, but `before`.

    `order` is the request without this record: with it, the two would hold each other, and every picture that was made
    would stay in memory until the garbage collector comes. `fields` are those of the body, for a job whose order cannot
    be made any more.
    Once `lost`, the job is another process's: nothing more may be sent for it here. `seen` is told what there is to
    see, `made` are the pictures so far, `left` those of an earlier job that failed, `charges` what the calls cost,
    `without_ticket` those that are out with nothing to find them by.
    """

    def __init__(
        self,
        links: Links,
        *,
        lease: Lease,
        job: str,
        team: str,
        new: Callable[[int | None], NewJob] | None = None,
        before: Before | None = None,
        account: Account | None = None,
    ) -> None:
        self.links = links
        self.order: Order | None = None
        self.fields: Mapping[str, Any] = {}
        self.seen: list[Seen] = []
        self.entries = JobEntries(job, team, lease)
        self.job = job
        self.team = team
        self.stop = Stop()
        self.before = before
        self.watched = False
        self.waited_for = True
        self.lost = False
        self.new = new
        self.account = account or Account(())
        self.planned: int | None = None
        self.sources: KeptSources | None = None
        known = before.pictures.items() if before is not None else ()
        self.made = {index: picture for index, picture in known if picture.cache == "miss"}
        self.left = {index: picture for index, picture in known if picture.cache != "miss"}
        self.without_ticket: set[int] = set()
        self.charges = before.charges if before is not None else NOTHING
        self._started = before is not None and before.calls > 0
        self._numbers = itertools.count(before.calls if before is not None else 0)

    @property
    def opened(self) -> bool:
        """It is in the database, or on its way there."""
        return self.new is None

    @property
    def kept(self) -> list[Picture]:
        """What there is, whatever becomes of the job."""
        return [picture for _index, picture in sorted({**self.left, **self.made}.items())]

    async def open(self, *, whole: bool = False) -> Written:
        """Writes the job down now. Raises DatabaseError; PictureStoreError, if it is to be `whole`, where the pictures
        that came with it cannot be kept.
        """
        await self._store_sources(needed=whole)
        return await self._write(self.entries.nothing())

    def expects(self, plan: Plan, pictures: int) -> None:
        self.account.expects((plan.price or 0) * pictures)

    async def sending(self, call: str, plan: Plan, indexes: tuple[int, ...], *, own_key: bool = False) -> SentCall:
        offer, now = plan.offer, time.time()
        if self.account.refused is not None:
            raise OverBudget(offer.provider, self.account.refused)
        sent = planned_call(next(self._numbers), call, plan, indexes, now, own_key=own_key)
        row = row_of(sent, "sending")
        entry = self.entries.call(row) if self._started else self.entries.first_call(row)
        self._started = True
        had = self.before
        await self._store_sources()
        self.planned = plan.n
        self.without_ticket.add(sent.number)  # already: a process that ends now must not leave it written and not sent
        self.account.begins(sent.number, sent.planned or 0)
        try:
            await self._hold_and_write(entry, offer.provider)
        except DatabaseError as away:
            error: ProviderError = NotWritten(offer.provider)
            self.ended(sent, "failed", reason=reason_of(error))  # it may be written although nobody could say so
            raise error from away
        except BaseException:
            self.without_ticket.discard(sent.number)
            self.account.ends(sent.number, 0)
            raise
        if self.before is not had:
            error = MadeBefore(offer.provider)
            self.ended(sent, "failed", reason=reason_of(error))
            raise error
        return sent

    async def accepted(self, sent: SentCall, ticket: Ticket) -> None:
        """While the database is away the ticket is followed all the same, and written as soon as it is back."""
        entry = self.entries.call(row_of(sent, "accepted", ticket=packed(ticket)))
        try:
            await self._write(entry)
        except DatabaseError:
            self._later(entry)
        self.without_ticket.discard(sent.number)

    def ended(
        self, sent: SentCall, end: CallEnd, *, images: int = 0, cost: Cost = NOTHING, reason: str | None = None
    ) -> None:
        self.without_ticket.discard(sent.number)
        self.links.hooks.over(self.job, sent)
        if end in ("unknown", "cancelled"):
            cost = UNKNOWN
        self.charges = self.charges.plus(cost)
        micros = cost.micros if end == "done" else 0 if end == "failed" else None
        self.account.ends(sent.number, micros)
        row = row_of(
            sent,
            end,
            images=images,
            cost_micros=micros,
            cost_basis=cost.basis if end == "done" else None,
            reason=reason,
            finished=time.time(),
        )
        self._later(self.entries.call(row))

    def pictured(self, index: int, picture: Picture, plan: Plan) -> None:
        self.made[index] = picture
        key, upload = self._cache_key(index, plan), self._field("upload_endpoint")
        self._later(self.entries.picture(index, picture, time.time(), cache_key=key, upload=upload))
        self._show(index, picture)

    def progressed(self, sent: SentCall, news: Progress | Partial) -> None:
        place = sent.indexes[news.place if news.place < len(sent.indexes) else 0]
        if isinstance(news, Partial):
            told = {"index": place, "partial_image_index": news.number, "output_format": news.format}
            self.links.events.tell(self.job, self.team, "partial_image", told, news.base64)
        elif news.step is not None and news.steps is not None:
            told = {"index": place, "step": news.step, "steps": news.steps}
            self.links.events.tell(self.job, self.team, "progress", told)
        self._show(place, news)

    def webhook(self, sent: SentCall) -> str | None:
        return self.links.hooks.url(self.job, sent)

    def hint(self, sent: SentCall) -> asyncio.Event | None:
        return self.links.hooks.hint(self.job, sent)

    async def found(self, sent: SentCall, seconds: float) -> Ticket | None:
        """Another process may just as well wait for it: the end of this one does not."""
        self.without_ticket.discard(sent.number)
        return await self.links.hooks.found(self.job, sent, self.stop, seconds)

    def note(self, cached: CachedRow) -> None:
        """Of a request that is written down for nothing else."""
        self.links.journal.later(Entry(self.job, self.team, cached=cached))

    async def finish(self, finish: Finish, cached: CachedRow | None = None) -> None:
        """With the webhook that tells it. Raises LeaseLost where it is another process's by now, DatabaseError."""
        await self._write(self.entries.end(finish, cached, webhook_url=self._field("webhook_url")))
        if self._field("webhook_url") or self._field("upload_endpoint"):
            self.links.wake()

    def finish_later(self, finish: Finish, cached: CachedRow | None = None) -> None:
        """As soon as the database takes it."""
        self._later(self.entries.end(finish, cached, webhook_url=self._field("webhook_url")))

    def _show(self, place: int, news: Picture | Progress | Partial) -> None:
        for seen in self.seen:
            seen(place, news)

    def _field(self, name: str) -> str | None:
        value = (self.fields if self.order is None else self.order.asked.fields).get(name)
        return value if isinstance(value, str) else None

    def _cache_key(self, index: int, plan: Plan) -> str | None:
        if self.order is None or not cacheable(self.order, plan, self.links.at):
            return None
        return record_name(self.order.caller.cache_scope, keys_of(plan, self.order)[index])

    async def _store_sources(self, *, needed: bool = False) -> None:
        if self.sources is not None and self.new is not None:
            await self.sources.store(needed=needed)

    async def _hold_and_write(self, entry: Entry, provider: str) -> None:
        """Raises OverBudget, for this call and those that begin with it."""
        async with self.account.covered() as hold:
            if self.account.refused is not None:
                raise OverBudget(provider, self.account.refused)
            try:
                written = await self._write(replace(entry, hold=hold) if hold else entry)
            except HoldRefused as refused:
                self.account.refused = refused.shortage
                raise OverBudget(provider, refused.shortage) from None
            if written.refused is not None:
                self._started = False
                raise MadeBefore(provider) if written.leftover else OverBudget(provider, written.refused)

    async def _write(self, entry: Entry) -> Written:
        """With the job itself where that is not written yet; what others left to it becomes `before`."""
        if self.lost:
            raise LeaseLost(self.job)
        make, self.new = self.new, None
        try:
            if make is None:
                return await self._journal(entry)
            new = make(self.planned)
            accepted = EventRow("accepted", new.created, {"model": new.model, "images": new.images})
            written = await self._journal(
                replace(
                    entry,
                    new=new,
                    pictures=(*(self.sources.rows if self.sources is not None else ()), *entry.pictures),
                    events=(accepted, *entry.events),
                )
            )
        except LeaseLost:
            self.lost = True
            raise LeaseLost(self.job) from None
        except (DatabaseError, HoldRefused):
            self.new = make
            raise
        if written.leftover is not None and self.before is None:
            self.before = before_of_leftover(written.leftover, self.links.at.settings.cache.ttl)
            self.left = dict(self.before.pictures) if self.before is not None else {}
        return written

    async def _journal(self, entry: Entry) -> Written:
        with self.links.at.telemetry.tracing.store("journal"):
            return await self.links.journal.write(entry)

    def _later(self, entry: Entry) -> None:
        if not self.lost and self.opened:
            self.links.journal.later(entry)
