"""What a step of type imageGen takes, a strict model for each engine, model and operation that is played.

Source: Civitai developer docs, Qwen, SDXL and Flux 2 image generation, and for what they leave open (outputFormat, the
words of the samplers) the orchestrator's OpenAPI document; read 2026-11-21. Unknown fields are refused, as the docs
say; a probe of September 2026 saw some of them ignored.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, Field, StringConstraints

SampleMethod = Literal[
    "euler", "heun", "dpm2", "dpm++2s_a", "dpm++2m", "dpm++2mv2", "ipndm", "ipndm_v", "ddim_trailing", "euler_a",
    "lcm", "res_multistep", "res_2s", "tcd", "er_sde",
]  # fmt: skip
Schedule = Literal[
    "simple", "discrete", "karras", "exponential", "ays", "bong_tangent", "gits", "sgm_uniform", "smoothstep",
    "kl_optimal", "lcm",
]  # fmt: skip
ImageSize = Literal["square_hd", "square", "portrait_4_3", "portrait_16_9", "landscape_4_3", "landscape_16_9"]
PRESETS: dict[str, tuple[int, int]] = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}  # the sizes that fal gives these names (fal docs, Image size presets, read 2026-11-21)

Air = Annotated[
    str, StringConstraints(pattern=r"^(?:urn:)?(?:air:)?(?:[a-zA-Z0-9_-]+:){0,2}[a-zA-Z0-9_-]+:[^@\s:]+(@[^\s@]+)?$")
]
Text = Annotated[str, StringConstraints(max_length=10_000)]
Picture = Annotated[str, StringConstraints(min_length=1)]
Int32 = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
Int64 = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
Side = Annotated[int, Field(ge=64, le=2048, multiple_of=8)]


class Input(BaseModel, frozen=True, strict=True, extra="forbid"):
    """What every engine takes. `typical` is the seconds that one picture takes, by the docs."""

    typical: ClassVar[float] = 25.0

    engine: str
    operation: str
    prompt: str
    quantity: int = 1
    outputFormat: Literal["jpeg", "png", "webP"] = "jpeg"
    imageMetadata: str | None = None

    @property
    def sources(self) -> list[str]:
        """The pictures that it starts from, in order."""
        one: str | None = getattr(self, "image", None)
        several: list[str] = getattr(self, "images", None) or []
        return ([one] if one else []) + several


class SdCpp(Input, frozen=True):
    engine: Literal["sdcpp"]
    prompt: Text
    negativePrompt: Text | None = None
    sampleMethod: SampleMethod = "euler"
    schedule: Schedule = "simple"
    steps: Annotated[int, Field(ge=1, le=150)] = 20
    seed: Int64 | None = None
    quantity: Annotated[int, Field(ge=1, le=12)] = 1
    loras: dict[Air, float] = {}
    uCache: Literal["off", "normal"] = "off"


class Qwen20b(SdCpp, frozen=True):
    ecosystem: Literal["qwen"]
    model: Literal["20b"]
    cfgScale: Annotated[float, Field(ge=0, le=30)] = 2.5


class Qwen20bCreate(Qwen20b, frozen=True):
    operation: Literal["createImage"]
    version: Literal["latest", "2509", "2512"] = "latest"
    width: Side = 1024
    height: Side = 1024


class Qwen20bVariant(Qwen20b, frozen=True):
    operation: Literal["createVariant"]
    version: Literal["latest", "2509", "2512"] = "latest"
    image: Picture
    strength: Annotated[float, Field(ge=0, le=1)] = 0.7
    width: Side | None = None
    height: Side | None = None


class Qwen20bEdit(Qwen20b, frozen=True):
    operation: Literal["editImage"]
    version: Literal["latest", "2509", "2511"] = "latest"
    images: Annotated[list[Picture], Field(min_length=1, max_length=10)]
    width: Side | None = None
    height: Side | None = None


class Sdxl(SdCpp, frozen=True):
    ecosystem: Literal["sdxl"]
    model: Air
    cfgScale: Annotated[float, Field(ge=0, le=30)] = 7
    vaeModel: Air | None = None
    embeddings: list[Air] = []
    width: Side = 1024
    height: Side = 1024


class SdxlCreate(Sdxl, frozen=True):
    operation: Literal["createImage"]


class SdxlVariant(Sdxl, frozen=True):
    operation: Literal["createVariant"]
    image: Picture
    strength: Annotated[float, Field(ge=0, le=1)] = 0.7


class Qwen2(Input, frozen=True):
    """fal's: `enableSafetyChecker` is its filter."""

    engine: Literal["fal"]
    model: Literal["qwen2"]
    prompt: Annotated[str, StringConstraints(min_length=1)]
    negativePrompt: Annotated[str, StringConstraints(max_length=500)] | None = None
    quantity: Annotated[int, Field(ge=1, le=10)] = 1
    imageSize: ImageSize = "square_hd"
    seed: Int32 | None = None
    enablePromptExpansion: bool = True
    enableSafetyChecker: bool = False


class Qwen2Create(Qwen2, frozen=True):
    operation: Literal["createImage"]


class Qwen2ProCreate(Qwen2, frozen=True):
    typical: ClassVar[float] = 40.0
    operation: Literal["proCreateImage"]


class Qwen2Edit(Qwen2, frozen=True):
    operation: Literal["editImage"]
    images: Annotated[list[Picture], Field(min_length=1, max_length=3)]


class Qwen2ProEdit(Qwen2, frozen=True):
    typical: ClassVar[float] = 40.0
    operation: Literal["proEditImage"]
    images: Annotated[list[Picture], Field(min_length=1, max_length=3)]


class Flux2Pro(Input, frozen=True):
    """How many pictures an edit takes is not written: as many as Black Forest Labs take is assumed."""

    typical: ClassVar[float] = 40.0
    engine: Literal["flux2"]
    model: Literal["pro"]
    prompt: Annotated[str, StringConstraints(max_length=1000)]
    quantity: Annotated[int, Field(ge=1, le=4)] = 1
    outputFormat: Literal["jpeg", "png"] = "jpeg"
    width: Annotated[int, Field(ge=512, le=2048, multiple_of=8)] = 1024
    height: Annotated[int, Field(ge=512, le=2048, multiple_of=8)] = 1024
    seed: Int64 | None = None
    enablePromptExpansion: bool = False


class Flux2ProCreate(Flux2Pro, frozen=True):
    operation: Literal["createImage"]


class Flux2ProEdit(Flux2Pro, frozen=True):
    operation: Literal["editImage"]
    images: Annotated[list[Picture], Field(min_length=1)]


# The fields that tell the models apart, and the models by the words of those fields.
TELLS_APART: dict[tuple[str, ...], str] = {
    (): "engine",
    ("sdcpp",): "ecosystem",
    ("sdcpp", "qwen"): "model",
    ("sdcpp", "qwen", "20b"): "operation",
    ("sdcpp", "sdxl"): "operation",
    ("fal",): "model",
    ("fal", "qwen2"): "operation",
    ("flux2",): "model",
    ("flux2", "pro"): "operation",
}
MODELS: dict[tuple[str, ...], type[Input]] = {
    ("sdcpp", "qwen", "20b", "createImage"): Qwen20bCreate,
    ("sdcpp", "qwen", "20b", "createVariant"): Qwen20bVariant,
    ("sdcpp", "qwen", "20b", "editImage"): Qwen20bEdit,
    ("sdcpp", "sdxl", "createImage"): SdxlCreate,
    ("sdcpp", "sdxl", "createVariant"): SdxlVariant,
    ("fal", "qwen2", "createImage"): Qwen2Create,
    ("fal", "qwen2", "proCreateImage"): Qwen2ProCreate,
    ("fal", "qwen2", "editImage"): Qwen2Edit,
    ("fal", "qwen2", "proEditImage"): Qwen2ProEdit,
    ("flux2", "pro", "createImage"): Flux2ProCreate,
    ("flux2", "pro", "editImage"): Flux2ProEdit,
}


class Unclear(ValueError):
    """A field that tells models apart has no word that is known; `field` names it."""

    def __init__(self, field: str, words: list[str]) -> None:
        known = words[0] if len(words) == 1 else f"one of {', '.join(words)}"
        super().__init__(f"{field} must be {known}.")
        self.field = field


def model_of(body: dict[str, Any]) -> type[Input]:
    """The model that an input is meant for. Raises `Unclear`."""
    chosen: tuple[str, ...] = ()
    while chosen not in MODELS:
        field = TELLS_APART[chosen]
        words = list(dict.fromkeys(known[len(chosen)] for known in MODELS if known[: len(chosen)] == chosen))
        given: object = body.get(field)
        if not isinstance(given, str) or given not in words:
            raise Unclear(field, words)
        chosen = (*chosen, given)
    return MODELS[chosen]
