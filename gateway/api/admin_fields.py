"""Bodies of teams and keys: what each field may be, and the sentence that says so."""

import math
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, ValidationError

from gateway.errors import GatewayError, InvalidJson, InvalidValue, MissingParameter
from gateway.tenancy.caller import Period, Role
from normalizers.asked import ResponseFormat

MOST = 1_000_000_000  # of anything in a minute or at once, as in the configuration; and of dollars
MICROS = 1_000_000
SHORTEST_TTL, LONGEST_TTL = 60, 2**31 - 1  # seconds; more does not fit the column
MOST_PATTERNS, LONGEST_PATTERN = 100, 200
LONGEST_NAME = 100
LONGEST_GRACE = 30 * 86_400  # seconds for which a rotated key's old text is valid at most
LAST_MOMENT = 253_402_300_799  # the last second of the year 9999
# What names of models and providers are made of, and the star; in patterns nothing else stands for anything.
PATTERN = r"^[A-Za-z0-9._:/@+*-]+$"


def printable(name: str) -> str:
    if not name.isprintable() or name != name.strip():
        raise ValueError("is not printable")
    return name


def micros(dollars: object) -> int:
    """Whole micro-dollars, exactly as they were written."""
    if isinstance(dollars, bool) or not isinstance(dollars, int | float) or not math.isfinite(dollars):
        raise ValueError("is no number")
    amount = Decimal(str(dollars)) * MICROS
    if not 0 <= amount <= MOST * MICROS or amount != amount.to_integral_value():
        raise ValueError("is no such amount")
    return int(amount)


Name = Annotated[str, Field(strict=True, min_length=1, max_length=LONGEST_NAME), AfterValidator(printable)]
Pattern = Annotated[str, Field(strict=True, pattern=PATTERN, max_length=LONGEST_PATTERN)]
Patterns = Annotated[list[Pattern], Field(strict=True, min_length=1, max_length=MOST_PATTERNS)]
Count = Annotated[int, Field(strict=True, ge=1, le=MOST)]
Megapixels = Annotated[float, Field(strict=True, gt=0, le=MOST, allow_inf_nan=False)]
Dollars = Annotated[int, PlainValidator(micros)]
Seconds = Annotated[int, Field(strict=True, ge=SHORTEST_TTL, le=LONGEST_TTL)]
Moment = Annotated[int, Field(strict=True, ge=1, le=LAST_MOMENT)]
Flag = Annotated[bool, Field(strict=True)]

NAMES = f"names of letters, digits and ._:/@+- of which a star may stand for anything, at most {MOST_PATTERNS}"
WHOLE = f"must be a whole number from 1 to {MOST:,} such as 60, or null for no limit"
TTL = f"must be a whole number of seconds from {SHORTEST_TTL} to {LONGEST_TTL}, or null for what holds without it"
FLAG = "must be true or false"
TOLD = {
    "name": f"must be text of 1 to {LONGEST_NAME} printable characters, without spaces around it",
    "team": "must be the id or the name of a team",
    "role": "must be user, team_admin or admin",
    "models": f'must be a list of {NAMES}, such as ["qwen-image", "fal/flux-*"], or null for all',
    "providers": f'must be a list of {NAMES}, such as ["fal", "openai"], or null for all',
    "requests_per_minute": WHOLE,
    "images_per_minute": WHOLE,
    "megapixels_per_minute": f"must be a number above 0, at most {MOST:,}, such as 100, or null for no limit",
    "max_concurrent_images": WHOLE,
    "budget_usd": f"must be dollars from 0 to {MOST:,} with 6 decimals at most, such as 25.5, or null for no budget",
    "budget_period": "must be day, month or total",
    "image_ttl": TTL,
    "job_ttl": TTL,
    "expires_at": "must be Unix seconds that are still to come, such as 1893456000, or null for never",
    "disabled": FLAG,
    "join_retries": FLAG,
    "share_cache": FLAG,
    "strict": f"{FLAG}, or null for what the configuration says",
    "response_format": "must be url, b64_json or both, or null for what the configuration says",
    "grace_seconds": f"must be a number of seconds from 0 to {LONGEST_GRACE:,}, such as 3600",
}


class Body(BaseModel):
    """`model_fields_set` tells what was given."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Bounded(Body):
    """`budget_usd` is in micro-dollars here."""

    models: Patterns | None = None
    providers: Patterns | None = None
    requests_per_minute: Count | None = None
    images_per_minute: Count | None = None
    megapixels_per_minute: Megapixels | None = None
    max_concurrent_images: Count | None = None
    budget_usd: Dollars | None = None
    budget_period: Period | None = None
    image_ttl: Seconds | None = None
    job_ttl: Seconds | None = None
    disabled: Flag = False


class NewTeam(Bounded):
    name: Name


class TeamChange(Bounded):
    name: Name = ""


class KeyFields(Bounded):
    role: Role = "user"
    expires_at: Moment | None = None
    strict: Flag | None = None
    response_format: ResponseFormat | None = None
    join_retries: Flag = True
    share_cache: Flag = True


class NewKey(KeyFields):
    name: Name
    team: Name


class KeyChange(KeyFields):
    name: Name = ""


class Rotation(Body):
    grace_seconds: Annotated[float, Field(strict=True, ge=0, le=LONGEST_GRACE, allow_inf_nan=False)] = 0.0


Checked = TypeVar("Checked", bound=Body)


def checked(kind: type[Checked], body: Any) -> Checked:
    """Raises InvalidJson, MissingParameter, or InvalidValue for the first field that is wrong."""
    if not isinstance(body, dict):
        raise InvalidJson("the body must be a JSON object such as {}")
    try:
        return kind.model_validate(body)
    except ValidationError as wrong:
        error = wrong.errors(include_url=False, include_context=False, include_input=False)[0]
        raise wrong_with(kind, str(error["loc"][0])[:100], error["type"]) from None


def wrong_with(kind: type[Body], field: str, what: str) -> GatewayError:
    if what == "extra_forbidden":
        known = ", ".join(kind.model_fields)
        return InvalidValue(f"{field}: is not known here; there is {known}", param=field)
    if what == "missing":
        return MissingParameter(f"{field}: is required; it {TOLD[field]}", param=field)
    return InvalidValue(f"{field}: {TOLD[field]}", param=field)
