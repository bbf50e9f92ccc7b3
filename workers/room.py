"""Room on the device: which pictures hold some of it, who waits until another leaves, and how more is made."""

import logging

from workers.engine import DeviceLost, Engine
from workers.meters import Meters
from workers.piece import Piece

log = logging.getLogger("easel.worker")


class Room:
    """Belongs to the device thread.

    What an engine puts away to make room costs time for as long as the worker lives. So a picture that memory runs out
    under waits for another to leave, if there is one that goes on; meanwhile nobody is begun."""

    def __init__(self, engine: Engine, meters: Meters) -> None:
        self._engine = engine
        self._meters = meters
        self._holders: set[Piece] = set()
        self._short: set[Piece] = set()  # memory ran out under them, and they have not gone on since
        self._crowded = False  # memory ran out under one that was to be begun, and nobody has left since

    @property
    def for_another(self) -> bool:
        """Whether one may be begun."""
        return not self._crowded and not self._short

    def take(self, piece: Piece) -> None:
        """It is begun."""
        self._holders.add(piece)

    def sufficed(self, piece: Piece) -> None:
        """It has gone on."""
        self._short.discard(piece)

    def leave(self, piece: Piece) -> list[Piece]:
        """It holds nothing any more. Those that have waited for that, and may be tried again."""
        picture, piece.picture = piece.picture, None
        self._holders.discard(piece)
        self._short.discard(piece)
        self._crowded = False
        try:
            self._engine.drop(picture)
        except DeviceLost:
            raise
        except BaseException:
            log.exception("the engine could not let go of %r", piece.drawing)
        waited = [other for other in self._holders if other.waits]
        for other in waited:
            other.waits = False
        return waited

    def lacks(self, piece: Piece) -> bool:
        """Memory ran out under this picture alone. Whether it may be tried again, at once unless it `waits` now."""
        self._meters.out_of_memory.labels("picture").inc()
        if piece not in self._holders and self._holders:
            self._crowded = True
            return True
        if any(not other.waits for other in self._holders - {piece}):
            piece.waits = True
            self._short.add(piece)
            return True
        return self._made(piece)

    def _made(self, piece: Piece) -> bool:
        """Whether the engine could let go of something."""
        try:
            done = self._engine.relieve()
        except DeviceLost:
            raise
        except BaseException:
            log.exception("the engine could not make room")
            return False
        if done is None:
            return False
        log.warning("no room for %r: %s", piece.drawing, done)
        self._meters.relieved.inc()
        if piece in self._holders:
            self._short.add(piece)
        return True
