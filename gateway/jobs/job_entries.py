"""What happens to a job as entries of the journal."""

from dataclasses import dataclass

from gateway.flow.picture import Picture, to_record
from gateway.jobs.uploads import uploads
from gateway.jobs.webhooks import webhook
from gateway.store.entries import CachedRow, CallRow, Entry, EventRow, Finish, Lease, PictureRow
from gateway.store.records import encode


@dataclass(frozen=True, slots=True)
class JobEntries:
    """Those of one job, by the right of `lease`. Moments are Unix seconds."""

    job: str
    team: str
    lease: Lease

    def nothing(self) -> Entry:
        """Only that the job is there."""
        return Entry(self.job, self.team, lease=self.lease)

    def call(self, row: CallRow) -> Entry:
        return Entry(self.job, self.team, lease=self.lease, calls=(row,))

    def first_call(self, row: CallRow) -> Entry:
        """The job has started with it."""
        event = EventRow("started", row.started, {"provider": row.provider})
        return Entry(self.job, self.team, lease=self.lease, started=row.started, calls=(row,), events=(event,))

    def picture(self, index: int, picture: Picture, now: float, *, cache_key: str | None, upload: str | None) -> Entry:
        """`upload` is the address that it is to be delivered to, if it is stored."""
        name = picture.name if picture.hash else None
        facts = encode(to_record(picture, int(now), with_content=False))
        url = None if name else picture.url
        told = {"index": index, "name": name, "url": url, "content_type": picture.content_type}
        return Entry(
            self.job,
            self.team,
            lease=self.lease,
            pictures=(PictureRow("image", index, name, facts, cache_key),),
            events=(EventRow("image", now, told),),
            deliveries=uploads(upload, (index,), now) if name and upload else (),
        )

    def end(self, finish: Finish, cached: CachedRow | None, *, webhook_url: str | None) -> Entry:
        event = EventRow("finished", finish.at, {"status": finish.status})
        return Entry(
            self.job,
            self.team,
            lease=self.lease,
            events=(event,),
            deliveries=(webhook(webhook_url, finish.at),) if webhook_url else (),
            finish=finish,
            cached=cached,
        )
