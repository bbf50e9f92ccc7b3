"""What docs/webhooks.md tells receivers to do accepts what the gateway sends, and nothing else."""

import time
from collections.abc import Callable, Mapping
from typing import Any, cast

import orjson

from gateway.jobs.webhooks import Webhooks, message, signed
from tests.docs.documents import blocks, text

PAGE = "docs/webhooks.md"
SECRET = "whsec_" + "c2VjcmV0" * 4
JOB = {"id": "req_1", "status": "succeeded", "finished": 1_763_700_000}

Receive = Callable[[bytes, Mapping[str, str], str], dict[str, Any] | None]


def test_the_example_reads_our_webhooks() -> None:
    [example] = blocks(PAGE, "python")
    shown: dict[str, Any] = {}
    exec(example, shown)  # noqa: S102 - it is ours
    receive = cast("Receive", shown["receive"])
    body = orjson.dumps(message(JOB))
    headers = signed("msg_1", body, time.time(), [SECRET])
    assert receive(body, headers, SECRET) == JOB
    assert receive(body + b" ", headers, SECRET) is None
    assert receive(body, signed("msg_1", body, time.time() - 3600, [SECRET]), SECRET) is None


def test_the_schedule_is_the_real_one() -> None:
    units = {"s": 1, "min": 60, "h": 3600}
    told = ", ".join(
        f"{seconds / units[unit]:g} {unit}" for seconds, unit in zip(Webhooks.delays, ticks(), strict=True)
    )
    assert f"at once, after {told}".rpartition(", ")[0] in " ".join(text(PAGE).split())


def ticks() -> list[str]:
    return ["s" if delay < 60 else "min" if delay < 3600 else "h" for delay in Webhooks.delays]
