"""A model from the hub, and how much of it is there: its bytes, as the hub's client counts them for its own bars."""

import io
from pathlib import Path
from typing import Any

import tqdm.auto

from workers.engine import Told

_Bar: Any = tqdm.auto.tqdm  # its annotations are not those that the hub's client wants
_WANTED = ["*.json", "*.safetensors", "*.txt", "*.model", "*.toml"]
_NETWORK = "Downloading bytes"  # the bar of what was received; another one counts what is on the disk


def fetch(model: str, told: Told) -> Path:
    """The folder where it lies; what is there already is not fetched again. Raises what the hub's client raises."""
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - who has a folder needs no network

    return Path(snapshot_download(model, allow_patterns=_WANTED, tqdm_class=telling(f"fetching {model}", told)))


def telling(what: str, told: Told) -> Any:
    """A kind of bar that nobody sees: the share goes to `told`."""

    class Telling(_Bar):
        def __init__(self, *args: Any, **how: Any) -> None:
            self._counts = how.get("unit") == "B" and how.get("desc") != _NETWORK
            super().__init__(*args, **{**how, "file": io.StringIO(), "disable": False})

        def display(self, msg: str | None = None, pos: int | None = None) -> bool:
            if self._counts and self.total:
                told(what, min(1.0, self.n / self.total))
            return True

    return Telling
