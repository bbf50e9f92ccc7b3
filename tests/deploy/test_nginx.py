"""nginx alone: it takes its configuration, and speaks like a gateway where there is none."""

import socket
from pathlib import Path

import pytest

from tests.deploy.nginx import Nginx
from tests.gateway.until import until


@pytest.mark.parametrize("gateways", [[], ["127.0.0.1"]], ids=["no address", "nobody listens"])
def test_where_no_gateway_can_be_reached_nothing_was_started(gateways: list[str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with Nginx(tmp_path, gateways, port) as nginx:
        answer = nginx.http.post("/v1/images/generations", json={"prompt": "a fox"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "overloaded")
        assert answer.headers["retry-after"] == "5"
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
        until(nginx.told)  # it is told after the answer
        (told,) = nginx.told()
        assert (told["method"], told["status"]) == ("POST", 503)
