"""A connection that is being accepted at the moment when the gateway begins to end."""

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlsplit

from tests.gateway.conftest import GoOn, Start
from tests.gateway.drawn import asked, served
from tests.gateway.running import RunningGateway
from tests.gateway.until import until


def connection() -> tuple[socket.socket, socket.socket]:
    """The client's end, and the one that a listening socket gave."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname(), timeout=20)
        accepted, _address = listener.accept()
        return client, accepted


def takes_nobody(gateway: RunningGateway) -> bool:
    address = urlsplit(gateway.url)
    try:
        socket.create_connection((address.hostname, address.port)).close()
    except ConnectionRefusedError:
        return True
    return False


def test_it_is_closed_while_others_are_finished(start: Start, go_on: GoOn) -> None:
    """Nobody could ask on it for ever, and keep the gateway from its end."""
    gateway = start()
    with ThreadPoolExecutor() as threads:
        drawing = threads.submit(gateway.generate, asked())
        until(lambda: gateway.app.jobs is not None and gateway.app.jobs.jobs.running)
        gateway.end()
        until(lambda: takes_nobody(gateway))
        client, accepted = connection()
        with closing(client):
            gateway.accept(accepted)
            assert client.recv(1) == b""
        assert not gateway.ended
        go_on()
        served(drawing.result())
    gateway.stop()
