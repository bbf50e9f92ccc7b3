"""An offer: one model at one provider, with everything the tables say about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from normalizers.fit import Canvas, Pixels
from normalizers.price import Price
from normalizers.rules import Default, Rule
from normalizers.source import Sources
from normalizers.split import BatchSeeds

Operation = Literal["generate", "edit", "image_to_image"]
Unknown = Literal["open", "ignored", "rejected"]
INT32 = (0, 2**31 - 1)


@dataclass(frozen=True, slots=True)
class Count:
    """How many pictures a call draws: the wire field (none: always one), its maximum, what a batch does with a seed.

    `previews` is how many pictures a call may draw to be shown half done; 0 where the provider shows none.
    """

    to: str = ""
    max: int = 1
    seeds: BatchSeeds = "unknown"
    previews: int = 0


@dataclass(frozen=True, slots=True)
class Output:
    """Formats the provider encodes itself; `default` is asked for when the caller names none.

    `compression_to` is its own quality field, empty where it has none, and `compression_range` what that takes;
    `words` its own words for formats, where they are others than ours.
    """

    native: tuple[str, ...] = ("png",)
    default: str = "png"
    to: str = ""
    compression_to: str = ""
    words: Mapping[str, str] = field(default_factory=dict[str, str])
    compression_range: tuple[int, int] = (0, 100)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How pictures come back: by `url`, as `bytes` (base64 in JSON), and the wire words to choose between them."""

    ways: tuple[str, ...] = ("url",)
    to: str = ""
    words: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is true of a model whoever serves it. `created` is a Unix time in seconds, `default_size` in pixels."""

    id: str
    title: str
    owner: str
    created: int = 0
    default_size: Pixels | None = None
    sizes: Mapping[tuple[str, int], Pixels] = field(default_factory=dict[tuple[str, int], Pixels])


@dataclass(frozen=True, slots=True)
class Offer:
    """One model at one provider, for one operation.

    `native` maps wire fields to the canonical parameter that they carry, `owned` are wire fields that no caller may
    set, `unknown` says what the provider does with fields nobody knows and `open_at` where they go, `fixed` is sent
    always, `needs` is what no request may lack beside prompt and pictures (`mask or outpaint`: one of them),
    `seed_range` the seeds it takes.
    """

    model: str
    provider: str
    upstream: str
    operation: Operation
    rules: Mapping[str, Rule]
    canvas: Canvas
    count: Count = field(default_factory=Count)
    output: Output = field(default_factory=Output)
    delivery: Delivery = field(default_factory=Delivery)
    price: Price = field(default_factory=Price)
    sources: Sources = field(default_factory=Sources)
    native: Mapping[str, str] = field(default_factory=dict[str, str])
    owned: frozenset[str] = frozenset()
    unknown: Unknown = "rejected"
    open_at: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict[str, Any])
    needs: tuple[str, ...] = ()
    seed_range: tuple[int, int] = INT32
    sends: tuple[Default, ...] = ()
    provider_defaults: tuple[Default, ...] = ()
    forbidden_in_prompt: tuple[str, ...] = ()
    source: str = ""
    checked: str = ""

    @property
    def id(self) -> str:
        """`fal/qwen-image`."""
        return f"{self.provider}/{self.model}"

    def __repr__(self) -> str:
        return f"<Offer {self.id} {self.operation}>"
