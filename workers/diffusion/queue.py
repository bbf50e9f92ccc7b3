"""The GPU's queue of work, kept to one step: it never waits for us, and a cancelled picture costs it little."""

import torch


class DeviceQueue:
    """Does nothing on a CPU, which is done when a call returns. For the device thread."""

    def __init__(self, device: torch.device) -> None:
        self._on_gpu = device.type == "cuda"
        self._before: torch.cuda.Event | None = None

    def keep_short(self) -> None:
        """Called after each step: returns when the step before it is over, so that a step is always at hand and the
        time between two calls is, from one to the next, the time of a step."""
        if not self._on_gpu:
            return
        if self._before is not None:
            self._before.synchronize()
        self._before = torch.cuda.Event(blocking=True)
        self._before.record()
