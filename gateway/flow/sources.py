"""Every picture that a request holds, found under all its names, loaded, and replaced by what a plan needs of it."""

from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from gateway.errors import InvalidValue
from gateway.flow.deps import Deps
from gateway.flow.room import Held
from gateway.flow.source_forms import WORKS, PictureBytes, Sent, pictures_sent
from gateway.flow.source_loading import Loaded, Loading
from normalizers.aliases import SPELLINGS
from normalizers.source import Source

Role = Literal["image", "mask", "markup", "control"]
Path = tuple[str | int, ...]

ROLES: dict[str, Role] = {"image": "image", "mask": "mask", "markup": "markup"}
STAND_IN = Source("", "png", 1024, 1024, 1)
CONTROL_IMAGES = ("image", "guideImage")  # ours, and Runware's name for it
MAX_IMAGES = 16  # as at OpenAI (API reference, createImageEdit, read 2026-11-21); masks are not counted


@dataclass(frozen=True, slots=True)
class Place:
    """Where pictures stand in the fields, and what they are there for."""

    path: Path
    role: Role
    value: Any

    @property
    def param(self) -> str:
        """`fal.image_url`, `control_nets[0].image`."""
        first, *rest = self.path
        return str(first) + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in rest)


class SentSources:
    """A request's pictures, found but not looked at. `native` are the providers' own names of their fields:
    `image_urls` is `image`.

    Raises InvalidValue, UnsupportedParameter for what is wrong already: what is no picture, or too many of them.
    """

    def __init__(self, fields: Mapping[str, Any], native: Mapping[str, str], slugs: Collection[str]) -> None:
        self._fields = fields
        self._found = [
            (place, list(pictures_sent(place.value, place.param))) for place in places(fields, native, slugs)
        ]
        check_counts(self._found)

    def stood_in(self) -> dict[str, Any]:
        """The fields with some picture for each, for a plan whose pictures are not known yet. Raises InvalidValue."""
        return self._with([(place, [STAND_IN for _picture in pictures]) for place, pictures in self._found])

    async def take(self, deadline: float, at: Deps, held: Held) -> tuple[dict[str, Any], dict[str, bytes]]:
        """The fields with a list of `Source` for images, one `Source` for any other picture; and the bytes by hash.

        Raises InvalidValue for everything that is wrong with a picture, Overloaded when there is no room for them or
        our own store does not answer.
        """
        sent = [picture for _place, pictures in self._found for picture in pictures]
        loaded = iter(await Loading(at, deadline, held).load(sent))
        taken = [(place, [next(loaded) for _picture in pictures]) for place, pictures in self._found]
        check_overlays(taken)
        fields = self._with([(place, [picture.source for picture in pictures]) for place, pictures in taken])
        return fields, {picture.source.hash: picture.content for _place, pictures in taken for picture in pictures}

    def _with(self, taken: Sequence[tuple[Place, Sequence[Source]]]) -> dict[str, Any]:
        replaced: Any = dict(self._fields)
        for place, sources in taken:
            value = list(sources) if place.role == "image" else sources[0]
            replaced = with_value(replaced, place.path, value)
        check_no_file_is_left(replaced)
        return replaced


def has_pictures(fields: Mapping[str, Any], native: Mapping[str, str], slugs: Collection[str] = ()) -> bool:
    """Whether a request is for more than its text: it holds an image, in whatever form and under whatever name."""
    return any(place.role != "control" and place.value not in (None, []) for place in places(fields, native, slugs))


def has_guides(fields: Mapping[str, Any], native: Mapping[str, str], slugs: Collection[str]) -> bool:
    """Whether a control net brings a picture, which goes along with a request from text too."""
    return any(place.role == "control" for place in places(fields, native, slugs))


def places(
    fields: Mapping[str, Any], native: Mapping[str, str], slugs: Collection[str], within: Path = ()
) -> Generator[Place]:
    """At the top level, in a provider's own object (`{"fal": {…}}`), and in control nets."""
    for name, value in fields.items():
        if value is None:
            continue
        role = role_of(name, native)
        if role is not None:
            yield Place((*within, name), role, value)
        elif meaning(name) == "control_nets" and isinstance(value, list):
            for place, net in enumerate(cast("list[Any]", value)):
                yield from control_images(net, (*within, name, place))
        elif name in slugs and not within and isinstance(value, dict):
            yield from places(cast("dict[str, Any]", value), native, (), (name,))


def control_images(net: Any, within: Path) -> Generator[Place]:
    if isinstance(net, dict):
        given = cast("dict[str, Any]", net)
        for name in CONTROL_IMAGES:
            if given.get(name) is not None:
                yield Place((*within, name), "control", given[name])


def role_of(name: str, native: Mapping[str, str]) -> Role | None:
    """A canonical name is what it says; a provider's own name beats another service's spelling."""
    return ROLES.get(name) or ROLES.get(native.get(name, "")) or ROLES.get(meaning(name))


def meaning(name: str) -> str:
    return SPELLINGS[name].names[0] if name in SPELLINGS else name


def check_counts(found: Sequence[tuple[Place, Sequence[Sent]]]) -> None:
    """Before anything is fetched or decoded."""
    for place, pictures in found:
        if not pictures:
            raise InvalidValue(f"{place.param}: is empty; {WORKS}", param=place.param)
        if place.role != "image" and len(pictures) > 1:
            raise InvalidValue(f"{place.param}: takes one picture, not {len(pictures)}", param=place.param)
    counted = [(place, len(pictures)) for place, pictures in found if place.role in ("image", "control")]
    count = sum(number for _place, number in counted)
    if count > MAX_IMAGES:
        param = counted[0][0].param
        raise InvalidValue(f"{param}: the request has {count} pictures; at most {MAX_IMAGES} are taken", param=param)


def check_overlays(taken: Sequence[tuple[Place, Sequence[Loaded]]]) -> None:
    """A mask, or markup, lies upon the first image, and so must be of its size."""
    first = next((pictures[0] for place, pictures in taken if place.role == "image"), None)
    for place, pictures in taken:
        if place.role not in ("mask", "markup"):
            continue
        overlay, param = pictures[0], place.param
        if first is None:
            raise InvalidValue(f"{param}: goes with an image of the same size; send image too", param=param)
        if not overlay.marks:
            taken_as = "must be a png, a grey jpeg or a webp with transparency"
            raise InvalidValue(f"{param}: {taken_as}, not a {overlay.source.format} in colour", param=param)
        if overlay.source.pixels != first.source.pixels:
            sizes = f"is {shown(overlay)}, and {first.param} is {shown(first)}; both must have the same size"
            raise InvalidValue(f"{param}: {sizes}", param=param)


def shown(picture: Loaded) -> str:
    return f"{picture.source.width}x{picture.source.height}"


def with_value(container: Any, path: Path, value: Any) -> Any:
    """The same with another value at the end of the path; what the caller sent is not changed."""
    if not path:
        return value
    first, rest = path[0], path[1:]
    copied: Any = list(cast("list[Any]", container)) if isinstance(container, list) else dict(container)
    copied[first] = with_value(copied[first], rest, value)
    return copied


def check_no_file_is_left(value: Any, param: str = "") -> None:
    """Raises InvalidValue for a file in a field that takes none. Forms nest a few levels, JSON holds no files."""
    if isinstance(value, PictureBytes):
        told = "is a file, and this field takes none; pictures go into image, a mask into mask"
        raise InvalidValue(f"{param}: {told}", param=param)
    if isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            check_no_file_is_left(inner, f"{param}.{name}" if param else name)
    elif isinstance(value, list):
        for place, inner in enumerate(cast("list[Any]", value)):
            check_no_file_is_left(inner, f"{param}[{place}]")
