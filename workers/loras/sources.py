"""What a caller may write for a LoRA: a file of the worker's folder, an https URL, an id of the Hugging Face hub."""

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from yarl import URL

from workers.errors import Refusal

LONGEST_SOURCE = 2048  # characters
HUB = "huggingface.co"
_HUB_FILE = "pytorch_lora_weights.safetensors"  # where diffusers puts a LoRA that it saves
_HUB_STORES = ("*.hf.co", "cdn-lfs.huggingface.co", "cdn-lfs-us-1.huggingface.co", "cdn-lfs-eu-1.huggingface.co")
_PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_HUB_ID = re.compile(rf"({_PART}/{_PART})((?:/{_PART}){{0,8}})")


@dataclass(frozen=True, slots=True)
class InFolder:
    """A file of the folder that the worker was given."""

    shown: str
    file: Path


@dataclass(frozen=True, slots=True)
class OnWeb:
    """A file to be fetched. `shown` is for messages and status: a query may hold a token, and is left out of it."""

    shown: str
    url: URL

    def __repr__(self) -> str:
        return f"<OnWeb {self.shown}>"


Source = InFolder | OnWeb


@dataclass(frozen=True, slots=True)
class Allowed:
    """`folder` is the only one that files are read from; `hosts` (`civitai.com`, `*.example.com`, `models.example:444`)
    are the only ones that anything is fetched from.
    """

    folder: Path | None = None
    hosts: tuple[str, ...] = ()

    def host(self, url: URL, *, redirected: bool = False) -> bool:
        """Whether it may be fetched from; `redirected`: the hub's own stores may, where the hub may."""
        name = (url.host or "").lower()
        stores = _HUB_STORES if redirected and HUB in self.hosts else ()
        return any(_matches(name, url.port, host) for host in (*self.hosts, *stores))

    def told(self) -> str:
        """For a caller who has to choose another one."""
        places = ["the name of a file in the worker's folder"] if self.folder else []
        places += [f"https://{host}/…" for host in self.hosts]
        if HUB in self.hosts:
            places.append("owner/name at the Hugging Face hub")
        return f"here it may be {', or '.join(places)}" if places else "this worker was started without any"


def read_source(text: str, allowed: Allowed) -> Source:
    """Raises `Refusal`: code `lora_not_allowed`, or `lora_not_found` for a file that is not in the folder."""
    if not 1 <= len(text) <= LONGEST_SOURCE or not text.isprintable():
        message = f"A LoRA is named by 1 to {LONGEST_SOURCE} printable characters."
        raise Refusal(message, param="loras", code="invalid_lora")
    if text.lower().startswith("https://"):
        return _on_web(text, allowed)
    if allowed.folder is not None and _stays_inside(text):
        file = _within(allowed.folder, text)
        if file is not None:
            return InFolder(text, file)
    found = _HUB_ID.fullmatch(text)
    if found is not None and HUB in allowed.hosts:
        path = found[2].lstrip("/") or _HUB_FILE
        return OnWeb(text, URL(f"https://{HUB}/{found[1]}/resolve/main/{path}"))
    if allowed.folder is not None and _stays_inside(text):
        raise Refusal("There is no such LoRA in the worker's folder.", param="loras", code="lora_not_found")
    raise not_allowed(allowed)


def not_allowed(allowed: Allowed) -> Refusal:
    return Refusal(f"This LoRA's source is not allowed: {allowed.told()}.", param="loras", code="lora_not_allowed")


def _on_web(text: str, allowed: Allowed) -> OnWeb:
    try:
        url = URL(text, encoded=True)
        known = url.scheme == "https" and bool(url.host) and url.user is None and url.password is None
    except ValueError:
        known = False
        url = URL()
    if not known or not allowed.host(url):
        raise not_allowed(allowed)
    return OnWeb(str(url.with_query(None).with_fragment(None)), url.with_fragment(None))


def _stays_inside(text: str) -> bool:
    """It reads as a relative path, and nothing in it leads upwards or is another system's kind of path."""
    path = PurePosixPath(text)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in text and ":" not in text


def _within(folder: Path, name: str) -> Path | None:
    """The file, if it is one and no link leads out of the folder; `.safetensors` may be left out."""
    inside = folder.resolve()
    for file in (inside / name, inside / f"{name}.safetensors"):
        with suppress(OSError):  # a name that is too long for the system
            real = file.resolve()
            if real.is_file() and real.is_relative_to(inside):
                return real
    return None


def _matches(name: str, port: int | None, host: str) -> bool:
    wanted, _, wanted_port = host.partition(":")
    if port != (int(wanted_port) if wanted_port.isdecimal() else 443):
        return False
    return name.endswith(wanted[1:]) if wanted.startswith("*.") else name == wanted
