"""Colours that go together, chosen by a prompt: hues by a harmony rule, lightness by the time of day."""

import math
from dataclasses import dataclass
from random import Random

Rgb = tuple[int, int, int]

PAPER: Rgb = (246, 241, 230)
INK: Rgb = (45, 41, 38)
FADED_INK: Rgb = (98, 90, 82)


@dataclass(frozen=True, slots=True)
class Mood:
    """A time of day: the hues (degrees, from and to) of its sky and horizon, and lightness and chroma (OKLCH) from the
    top of the sky down to the nearest ground."""

    name: str
    sky_hues: tuple[float, float]
    horizon_hues: tuple[float, float]
    sky_top: tuple[float, float]
    sky_low: tuple[float, float]
    light: tuple[float, float]
    far: tuple[float, float]
    near: tuple[float, float]


MOODS = {
    mood.name: mood
    for mood in (
        Mood("dawn", (215, 330), (20, 90), (0.78, 0.070), (0.94, 0.055), (0.97, 0.05), (0.80, 0.065), (0.40, 0.085)),
        Mood("day", (185, 265), (60, 230), (0.70, 0.095), (0.93, 0.045), (0.98, 0.04), (0.76, 0.070), (0.36, 0.090)),
        Mood("dusk", (255, 345), (15, 75), (0.44, 0.110), (0.83, 0.120), (0.93, 0.09), (0.60, 0.100), (0.22, 0.060)),
        Mood("night", (220, 300), (190, 330), (0.19, 0.060), (0.43, 0.085), (0.95, 0.03), (0.38, 0.065), (0.12, 0.030)),
    )
}

# Degrees on the colour circle from the sky's hue to the ground's: neighbours, thirds, opposites.
HARMONIES = (-50.0, 40.0, -120.0, 120.0, 160.0, 180.0)


def oklch(lightness: float, chroma: float, hue: float) -> Rgb:
    """OKLCH to sRGB; too strong a chroma is lowered until the colour exists. Formulas: B. Ottosson, 'A perceptual
    color space for image processing', 2020."""
    while True:
        channels = _linear(lightness, chroma, math.radians(hue))
        if chroma <= 0.0 or all(-1e-4 <= channel <= 1.0001 for channel in channels):
            break
        chroma = max(0.0, chroma - 0.008)
    red, green, blue = (round(255 * _gamma(min(1.0, max(0.0, channel)))) for channel in channels)
    return red, green, blue


def _linear(lightness: float, chroma: float, radians: float) -> tuple[float, float, float]:
    a, b = chroma * math.cos(radians), chroma * math.sin(radians)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _gamma(channel: float) -> float:
    return 12.92 * channel if channel <= 0.0031308 else 1.055 * channel ** (1 / 2.4) - 0.055


def blend(first: Rgb, second: Rgb, share: float) -> Rgb:
    """`share` 0 is the first colour, 1 the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one picture."""

    mood: str
    sky_top: Rgb
    sky_low: Rgb
    light: Rgb
    far: Rgb
    near: Rgb
    water: Rgb
    accent: Rgb

    def ground(self, nearness: float) -> Rgb:
        """From the farthest ground (0) to the nearest (1)."""
        return blend(self.far, self.near, nearness)


def palette(mood: Mood, chance: Random) -> Palette:
    """Colours for a mood; `chance` picks the hue and the harmony."""
    sky, horizon = chance.uniform(*mood.sky_hues), chance.uniform(*mood.horizon_hues)
    ground = sky + chance.choice(HARMONIES)
    return Palette(
        mood=mood.name,
        sky_top=oklch(*mood.sky_top, sky),
        sky_low=oklch(*mood.sky_low, horizon),
        light=oklch(*mood.light, horizon),
        far=oklch(*mood.far, ground),
        near=oklch(*mood.near, ground),
        water=oklch(mood.near[0] + 0.04, mood.near[1], sky),
        accent=oklch(0.66, 0.16, horizon + chance.choice((0.0, 180.0))),
    )
