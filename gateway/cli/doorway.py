"""Several processes take connections from one socket, each about as many as the others.

One socket, and not one each (SO_REUSEPORT): what waits in it is taken by whoever is there, so that nothing is refused
or lost while a process ends, dies or starts. Left alone, the loop that wakes up first empties the queue: of 200
connections that came at once, two processes had 35 and 165. So one is taken at a time, and who has more connections
than another looks away for a moment.
"""

import asyncio
import errno
import socket
from collections.abc import Callable

from gateway.several import Connections

SLACK = 4  # connections that one may have more than another
LOOK_AWAY_SECONDS = 0.002  # then it takes one after all: the other may be busy, or hang
FULL_SECONDS = 1.0
FULL = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Doorway:
    """`has` says how many connections this process has; its `number` among the others is for `connections`."""

    def __init__(self, listener: socket.socket, connections: Connections, number: int, has: Callable[[], int]) -> None:
        self._listener = listener
        self._connections = connections
        self._number = number
        self._has = has
        self._taking: set[asyncio.Task[object]] = set()
        self._later: asyncio.TimerHandle | None = None

    def open(self, make_protocol: Callable[[], asyncio.Protocol]) -> None:
        """Take connections from here on."""
        self._make_protocol = make_protocol
        self._loop = asyncio.get_running_loop()
        self._listener.setblocking(False)
        self._watch()

    def close(self) -> None:
        """Take no more: they are for the others."""
        self._connections.gone(self._number)
        self._loop.remove_reader(self._listener)
        if self._later is not None:
            self._later.cancel()
        self._listener.close()

    def _watch(self) -> None:
        self._tell()
        self._loop.add_reader(self._listener, self._somebody_waits)

    def _tell(self) -> int:
        mine = self._has() + len(self._taking)
        self._connections.tell(self._number, mine)
        return mine

    def _somebody_waits(self) -> None:
        fewest = self._connections.fewest(besides=self._number)
        if fewest is not None and self._tell() > fewest + SLACK:
            self._look_away(LOOK_AWAY_SECONDS)
        else:
            self._take_one()

    def _look_away(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener)
        self._later = self._loop.call_later(seconds, self._take_one_and_watch)

    def _take_one_and_watch(self) -> None:
        self._watch()
        self._take_one()

    def _take_one(self) -> None:
        try:
            connection, _address = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):  # another process has it, or it has gone
            return
        except OSError as error:
            if error.errno not in FULL:
                raise
            self._look_away(FULL_SECONDS)
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        taking = self._loop.create_task(self._loop.connect_accepted_socket(self._make_protocol, connection))
        self._taking.add(taking)
        taking.add_done_callback(self._taking.discard)
