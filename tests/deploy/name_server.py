"""A name server as Docker's own: every name leads to the addresses that are there at the moment."""

import socket
import struct
import threading
from types import TracebackType
from typing import Self

HEADER = struct.Struct(">6H")
ANSWERED = 0x8180  # a response, recursion desired and available, no error (RFC 1035, 4.1.1)
TYPE_A, CLASS_IN, SECONDS = 1, 1, 1
NAME_OF_THE_QUESTION = 0xC00C  # a pointer to it (RFC 1035, 4.1.4)


class NameServer:
    """`with NameServer(["127.0.0.2"]) as names: names.address`; `addresses` may be changed while it runs."""

    def __init__(self, addresses: list[str]) -> None:
        self.addresses = addresses
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self._socket.getsockname())
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            asked, whose = self._socket.recvfrom(512)
            if not asked:
                return
            self._socket.sendto(self._answer(asked), whose)

    def _answer(self, asked: bytes) -> bytes:
        number, *_ = HEADER.unpack_from(asked)
        question = asked[HEADER.size : asked.index(0, HEADER.size) + 5]  # the name, its type and class
        records = b"".join(
            struct.pack(">HHHIH", NAME_OF_THE_QUESTION, TYPE_A, CLASS_IN, SECONDS, 4) + socket.inet_aton(address)
            for address in self.addresses
        )
        return HEADER.pack(number, ANSWERED, 1, len(self.addresses), 0, 0) + question + records
