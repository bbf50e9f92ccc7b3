"""The step loop: on the device thread it hears of new pictures and of cancelled ones, gives one group its next forward,
and goes on; nothing takes longer to be noticed than a forward.

What is denoised goes to the decoding thread, so that the device does not wait for it. Errors cost the picture that they
belong to and nobody else: a group that fails is tried again one by one, and where memory runs out the group is halved,
then there is `workers/room.py`. Whatever an engine raises is caught: a panic of a library in Rust is no `Exception`.
"""

import logging
import time
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from typing import Never

from workers.at_work import AtWork
from workers.engine import DeviceLost, Engine, OutOfMemory
from workers.line import Line
from workers.meters import Meters
from workers.piece import Audience, Piece
from workers.room import Room

log = logging.getLogger("easel.worker")

_IN_HAND = 2  # denoised and not yet a file: one that is decoded, and the next; more would only hold memory


class StepLoop:
    """`decode` has its argument called on the decoding thread. `call` and `stop` may be called from any thread, all
    else belongs to the device thread, on which `run` is called."""

    def __init__(
        self,
        engine: Engine,
        audience: Audience,
        decode: Callable[[Callable[[], None]], object],
        meters: Meters,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.engine = engine
        self.ended = False
        self.at_work = AtWork()
        self._audience = audience
        self._decode = decode
        self._meters = meters
        self._clock = clock
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._line = Line(engine.token_budget)
        self._in_hand: set[Piece] = set()
        self._room = Room(engine, meters)

    def call(self, work: Callable[[], None]) -> None:
        """Has it done on the device thread, between two forwards."""
        self._inbox.put(work)

    def stop(self) -> None:
        """Ends the loop after the forward that it is in."""
        self.ended = True
        self.call(lambda: None)

    def add(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            self._line.add(piece)

    def written(self, piece: Piece) -> None:
        """A finished picture has become a file, or never will."""
        self._in_hand.discard(piece)

    def run(self) -> None:
        busy = False
        try:
            while not self.ended:
                busy = self._go_on(wait=not busy)
        except DeviceLost as error:
            self.ended = True
            self._audience.lost_device(error)

    def _go_on(self, *, wait: bool) -> bool:
        """Whether there was anything to do."""
        try:
            self._hear(wait=wait)
            with self.at_work:
                return self._take_a_turn()
        except DeviceLost:
            raise
        except BaseException as error:  # a mistake of ours or in the engine's books: the worker goes on without these
            log.exception("the step loop stumbled")
            for piece in self._line.all():
                self._fail(piece, error)
            return False

    def _hear(self, *, wait: bool) -> None:
        try:
            if wait:
                self._inbox.get()()
            while not self.ended:
                self._inbox.get_nowait()()
        except Empty:
            return

    def _take_a_turn(self) -> bool:
        for piece in [piece for piece in self._line.all() if not piece.wanted]:
            self._leave(piece)
        may_begin = self._room.for_another and len(self._in_hand) < _IN_HAND
        newcomer = self._line.newcomer(self.engine.most_under_way) if may_begin else None
        if newcomer is not None:
            self._begin(newcomer)
            return True
        group = self._line.group()
        if group:
            self._step(group)
        return bool(group)

    def _begin(self, piece: Piece) -> None:
        started = self._clock()
        try:
            piece.picture = self.engine.begin(piece.drawing)
        except OutOfMemory as error:
            self._lacks_room(piece, error)
        except DeviceLost:
            raise
        except BaseException as error:
            self._fail(piece, error)
        else:
            self._room.take(piece)
            self._spent(piece, [piece], self._clock() - started)
            self._finish_denoised([piece])

    def _step(self, group: Sequence[Piece]) -> None:
        started = self._clock()
        bucket, tokens = group[0].picture.bucket, sum(piece.picture.tokens for piece in group)
        try:
            self.engine.step([piece.picture for piece in group])
        except OutOfMemory as error:
            self._did_not_fit(group, bucket, tokens, error)
        except DeviceLost:
            raise
        except BaseException as error:
            self._blame(group, error)
        else:
            self._spent(group[0], group, self._clock() - started)
            self._line.budgets.fitted(bucket, tokens)
            self._meters.device.group(len(group))
            for piece in group:
                self._after_step(piece)
            self._finish_denoised(group)

    def _after_step(self, piece: Piece) -> None:
        picture = piece.picture
        if picture.failure is not None:
            self._fail(piece, picture.failure)
            return
        self._room.sufficed(piece)
        if piece.stepped():
            self._meters.device.step(piece.drawing.model)
            self._audience.stepped(piece, picture.steps_done, picture.steps)
            self._preview(piece)

    def _finish_denoised(self, group: Sequence[Piece]) -> None:
        """A picture that failed in its last step has been dropped."""
        denoised = [piece for piece in group if piece.picture is not None and piece.picture.denoised and piece.wanted]
        for piece in denoised:
            self._in_hand.add(piece)
            self._take_no_step_more(piece)
        if denoised:
            self._decode(partial(self._finish, denoised))

    def _preview(self, piece: Piece) -> None:
        number = piece.partial_number() if piece.wanted else None
        if number is None:
            return
        try:
            image = piece.picture.preview()
        except DeviceLost:
            raise
        except BaseException:  # a stream with a preview less is still a stream
            log.warning("no preview of %r", piece.drawing, exc_info=True)
        else:
            self._audience.previewed(piece, image, number)

    def _finish(self, group: Sequence[Piece]) -> None:
        """On the decoding thread."""
        wanted = [piece for piece in group if piece.wanted]
        for piece in group:
            if piece not in wanted:
                self.call(partial(self._leave, piece))
        try:
            with self.at_work:
                images = self.engine.finish([piece.picture for piece in wanted]) if wanted else ()
        except BaseException as error:
            self._did_not_finish(wanted, error)
        else:
            for piece, image in zip(wanted, images, strict=True):
                self._audience.finished(piece, image)
                self.call(partial(self._drop, piece))

    def _did_not_finish(self, group: Sequence[Piece], error: BaseException) -> None:
        """What it means for a picture alone, the device thread decides."""
        if isinstance(error, DeviceLost):
            self.call(partial(_raise, error))
        elif len(group) > 1:
            log.warning("%d pictures could not be finished together; they are one by one", len(group), exc_info=error)
            for piece in group:
                self._finish([piece])
        elif isinstance(error, OutOfMemory):
            self.call(partial(self._lacks_room, group[0], error))
        else:
            self.call(partial(self._fail, group[0], error))

    def _did_not_fit(self, group: Sequence[Piece], bucket: Hashable, tokens: int, error: OutOfMemory) -> None:
        if len(group) == 1:
            self._lacks_room(group[0], error)
            return
        self._meters.out_of_memory.labels("group").inc()
        self._line.budgets.halve(bucket, tokens)
        log.warning("no room for %d pictures at once; %d tokens from now on", len(group), self._line.budgets.of(bucket))

    def _lacks_room(self, piece: Piece, error: OutOfMemory) -> None:
        if not self._room.lacks(piece):
            self._fail(piece, error)
        elif not piece.waits:
            self._finish_again(piece)

    def _finish_again(self, piece: Piece) -> None:
        """Those that have steps to take are in the line."""
        if piece in self._in_hand:
            self._decode(partial(self._finish, [piece]))

    def _blame(self, group: Sequence[Piece], error: BaseException) -> None:
        """Who is at fault shows when each goes on alone."""
        if len(group) == 1:
            self._fail(group[0], error)
            return
        log.warning("a group of %d failed; they go on one by one", len(group), exc_info=error)
        for piece in group:
            piece.alone = True

    def _fail(self, piece: Piece, error: BaseException) -> None:
        self._audience.failed(piece, error)
        self._leave(piece)

    def _leave(self, piece: Piece) -> None:
        self._take_no_step_more(piece)
        self._in_hand.discard(piece)
        self._drop(piece)

    def _take_no_step_more(self, piece: Piece) -> None:
        if self._line.remove(piece):
            self._audience.left(piece)

    def _drop(self, piece: Piece) -> None:
        if piece.picture is not None:
            for other in self._room.leave(piece):
                self._finish_again(other)

    def _spent(self, payer: Piece, group: Sequence[Piece], seconds: float) -> None:
        self._line.pay(payer, seconds)
        for piece in group:
            self._meters.device.spent(piece.drawing.model, seconds / len(group))


def _raise(error: BaseException) -> Never:
    raise error
