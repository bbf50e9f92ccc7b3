"""A bare task for the simulated Runware: nothing is corrected on the way."""

import uuid
from typing import Any

from simulators.running import Simulators
from tests.simulators.wire import WIRE


def draw(simulators: Simulators, **more: Any) -> list[dict[str, Any]]:
    """What it answers to a task of 512 pixels: data, or errors."""
    at = simulators.addresses["runware"]
    task = {
        "taskType": "imageInference",
        "taskUUID": str(uuid.uuid4()),
        "model": "runware:108@1",
        "positivePrompt": "x",
        "width": 512,
        "height": 512,
        **more,
    }
    answer = WIRE.post(at["base_url"], json=[task], headers={"Authorization": f"Bearer {at['key']}"}).json()
    return answer.get("data") or answer["errors"]
