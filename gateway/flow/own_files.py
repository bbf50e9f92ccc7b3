"""Pictures that this gateway handed out by a signed URL: read from the store, since the guard would not go there."""

import re
import time
from urllib.parse import parse_qsl, urlsplit

from gateway.errors import Overloaded
from gateway.flow.deliver import FILES
from gateway.flow.deps import Deps
from gateway.flow.picture_codec import NotAPicture
from gateway.store.pictures import PictureStoreError
from gateway.store.signing import Verdict, verify

_PATH = re.compile(re.escape(FILES) + r"/([0-9a-f]{64}\.[a-z]{3,4})")
MAX_URL = 2048


async def own_file(url: str, at: Deps) -> bytes | None:
    """The picture behind a URL that we signed, under whichever address it was reached; None for any other URL.

    The signature is what admits, as it does over HTTP: nothing is read that its bearer could not fetch himself.
    Raises NotAPicture where the URL was ours and has expired, or its picture is no longer stored.
    """
    found = named_in(url)
    if found is None:
        return None
    name, query = found
    team, expires = query.get("team", ""), query.get("expires", "")
    verdict = verify(
        name,
        team=team,
        expires=expires,
        signature=query.get("signature", ""),
        keys=at.signing_keys,
        now=time.time(),
    )
    if verdict is Verdict.FORGED:
        return None
    if verdict is Verdict.EXPIRED:
        raise NotAPicture("its URL has expired; a repeated request gives a new one for the same picture")
    try:
        content = await at.pictures.get(team, name)
    except PictureStoreError as wrong:
        raise Overloaded("the place where pictures are kept does not answer; try again in a moment") from wrong
    if content is None:
        raise NotAPicture("it is no longer stored here")
    return content


def named_in(url: str) -> tuple[str, dict[str, str]] | None:
    """The picture's name and the query of a URL that looks like one of ours."""
    if len(url) > MAX_URL or FILES not in url:
        return None
    try:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, max_num_fields=10))
    except ValueError:
        return None
    name = _PATH.search(parts.path)
    return (name[1], query) if name and parts.path.endswith(name[0]) else None
