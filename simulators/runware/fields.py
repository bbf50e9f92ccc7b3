"""The vocabulary of Runware's request schemas, as strict pydantic fields: unknown keys are refused, nothing is coerced.

Source: Runware's page of Qwen-Image (runware:108@1) and, for the words of `scheduler`, the types of runware-sdk 1.8.0,
read 2026-11-21.
"""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, model_validator

FieldSpec = tuple[Any, Any]
MAX_SEED = 2**63 - 1  # the page says 9223372036854776000: the same number, rounded as a double

SCHEDULERS = (  # noqa: SIM905 - 75 quoted words would be 75 lines
    "DDIM|DDIMScheduler|DDPMScheduler|DEISMultistepScheduler|Default|DPM++|DPM++ 2M|DPM++ 2M Beta|DPM++ 2M Exponential"
    "|DPM++ 2M Karras|DPM++ 2M SDE|DPM++ 2M SDE Beta|DPM++ 2M SDE Exponential|DPM++ 2M SDE Karras|DPM++ 2M SDE Uniform"
    "|DPM++ 2M Uniform|DPM++ 3M|DPM++ 3M Beta|DPM++ 3M Exponential|DPM++ 3M Karras|DPM++ 3M SDE Uniform"
    "|DPM++ 3M Uniform|DPM++ Beta|DPM++ Exponential|DPM++ Karras|DPM++ SDE|DPM++ SDE Beta|DPM++ SDE Exponential"
    "|DPM++ SDE Karras|DPM++ Uniform|DPM++ Uniform Beta|DPM++ Uniform Exponential|DPM++ Uniform Karras"
    "|DPMSolverMultistepInverse|DPMSolverMultistepScheduler|DPMSolverSinglestepScheduler"
    "|EDMDPMSolverMultistepScheduler|EDMEulerScheduler|Euler|Euler a|Euler Beta|Euler Exponential|Euler Karras"
    "|EulerAncestralDiscreteScheduler|EulerDiscreteScheduler|FlowMatchEulerDiscreteScheduler|Heun"
    "|HeunDiscreteScheduler|Heun Karras|IPNDMScheduler|IPNDM Uniform|IPNDM Uniform Beta|IPNDM Uniform Exponential"
    "|IPNDM Uniform Karras|KDPM2AncestralDiscreteScheduler|KDPM2DiscreteScheduler|LCM|LCMScheduler|LMS"
    "|LMSDiscreteScheduler|LMS Karras|PNDMScheduler|TCDScheduler|UniPC|UniPC 2M|UniPC 2M Karras|UniPC 2M Uniform"
    "|UniPC 3M|UniPC 3M Karras|UniPC 3M Uniform|UniPC Karras|UniPC Uniform|UniPC Uniform Beta"
    "|UniPC Uniform Exponential|UniPC Uniform Karras"
).split("|")

Fraction = Annotated[float, Field(ge=0, le=1, multiple_of=0.01)]
Weight = Annotated[float, Field(ge=-4, le=4, multiple_of=0.01)]
Air = Annotated[str, Field(pattern=r"^[a-z0-9-]+:[^@\s]+@[^@\s]+$")]
Text = Annotated[str, Field(min_length=1, max_length=32_000)]
Address = Annotated[HttpUrl, Field(strict=False)]


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class Range(Strict):
    """Something that lasts from a step or a percentage to a later one."""

    pairs: ClassVar[tuple[tuple[str, str], ...]]

    @model_validator(mode="after")
    def ends_after_its_start(self) -> Self:
        told = self.model_dump()
        for start, end in self.pairs:
            if told[start] is not None and told[end] is not None and told[end] <= told[start]:
                raise ValueError(f"{end} must be greater than {start}")
        return self


class Safety(Strict):
    checkContent: bool = False
    mode: Literal["none", "fast"] = "none"


class Inputs(Strict):
    """The pictures of an image-to-image task."""

    seedImage: Text | None = None
    maskImage: Text | None = None
    strength: Fraction = 0.8


class References(Strict):
    """The pictures of an edit."""

    referenceImages: Annotated[list[Text], Field(min_length=1)]


class Outpaint(Strict):
    top: Annotated[int, Field(ge=0)] = 0
    right: Annotated[int, Field(ge=0)] = 0
    bottom: Annotated[int, Field(ge=0)] = 0
    left: Annotated[int, Field(ge=0)] = 0


class Lora(Strict):
    model: Air
    weight: Weight = 1
    transformer: Literal["high", "low", "both"] = "both"


class ControlNet(Range):
    pairs = (("startStep", "endStep"), ("startStepPercentage", "endStepPercentage"))

    model: Air
    guideImage: Text
    weight: Weight = 1
    controlMode: Literal["balanced", "prompt", "controlnet"] = "balanced"
    startStep: Annotated[int, Field(ge=0)] | None = None
    endStep: Annotated[int, Field(ge=1)] | None = None
    startStepPercentage: Annotated[int, Field(ge=0, le=99)] | None = None
    endStepPercentage: Annotated[int, Field(ge=1, le=100)] | None = None


class Settings(Strict):
    trueCFGScale: float | None = None


class Accelerators(Range):
    pairs = (("cacheStartStep", "cacheEndStep"), ("cacheStartStepPercentage", "cacheEndStepPercentage"))

    teaCache: bool = False
    teaCacheDistance: Fraction = 0.5
    fbCache: bool = False
    fbCacheThreshold: Fraction = 0.25
    dbCache: bool = False
    dbCacheThreshold: Fraction = 0.25
    dbCacheSkipInterval: Annotated[int, Field(ge=1)] = 5
    cacheStartStep: Annotated[int, Field(ge=0)] | None = None
    cacheEndStep: Annotated[int, Field(ge=1)] | None = None
    cacheStartStepPercentage: Annotated[int, Field(ge=0, le=99)] | None = None
    cacheEndStepPercentage: Annotated[int, Field(ge=1, le=100)] | None = None
    cacheMaxConsecutiveSteps: Annotated[int, Field(ge=1, le=5)] = 3


class Ultralytics(Strict):
    CFGScale: Annotated[float, Field(ge=0, le=50, multiple_of=0.1)] = 8
    confidence: Fraction = 0.9
    maskBlur: Annotated[int, Field(ge=0, le=100)] = 5
    maskPadding: Annotated[int, Field(ge=0, le=20)] = 5
    positivePrompt: str | None = None
    negativePrompt: str | None = None
    steps: Annotated[int, Field(ge=1, le=100)] = 20
    strength: Fraction = 0.3


class AdvancedFeatures(Strict):
    ultralytics: Ultralytics | None = None


def whole(low: int, high: int, *, step: int = 1) -> Any:
    return Annotated[int, Field(ge=low, le=high, multiple_of=step)]


def side() -> Any:
    """Width or height in pixels."""
    return whole(128, 2048, step=16)


# What every picture task takes, whatever its model.
COMMON: dict[str, FieldSpec] = {
    "taskType": (Literal["imageInference"], ...),
    "taskUUID": (str, ...),
    "model": (Air, ...),
    "positivePrompt": (Text, ...),
    "outputType": (Literal["URL", "base64Data", "dataURI"], "URL"),
    "outputFormat": (Literal["JPG", "PNG", "WEBP"], "JPG"),
    "outputQuality": (whole(20, 99), 95),
    "deliveryMethod": (Literal["sync", "async"], "sync"),
    "webhookURL": (Address, None),
    "uploadEndpoint": (Address, None),
    "safety": (Safety, Safety()),
    "ttl": (Annotated[int, Field(ge=60)], None),
    "includeCost": (bool, False),
    "numberResults": (whole(1, 20), 1),
    "advancedFeatures": (AdvancedFeatures, None),
}

NEGATIVE: dict[str, FieldSpec] = {"negativePrompt": (Text, None)}

# What the diffusion models that Runware runs itself take on top.
SAMPLING: dict[str, FieldSpec] = {
    **NEGATIVE,
    "seed": (whole(0, MAX_SEED), None),
    "steps": (Annotated[int, Field(ge=1)], None),
    "CFGScale": (Annotated[float, Field(ge=0)], None),
    "scheduler": (Literal[tuple(SCHEDULERS)], None),
    "lora": (Annotated[list[Lora], Field(min_length=1)], None),
    "acceleratorOptions": (Accelerators, None),
}

# And Qwen-Image within limits of its own.
QWEN: dict[str, FieldSpec] = {
    **SAMPLING,
    "steps": (whole(1, 50), 20),
    "CFGScale": (Annotated[float, Field(ge=1, le=20, multiple_of=0.01)], None),
}
