"""The painter: the same input the same picture, another input another, and always one that says what it is."""

import pytest
from PIL import Image, ImageChops

from workers.engine import Drawing
from workers.sketch.painter import Sketch
from workers.sketch.scene import strokes
from workers.sketch.sheet import sheet


def drawing(
    prompt: str = "hills at dawn", *, width: int = 256, height: int = 192, seed: int = 7, steps: int = 8
) -> Drawing:
    return Drawing("sketch", prompt, width, height, seed, steps)


def paint(asked: Drawing) -> Image.Image:
    engine = Sketch()
    engine.load(lambda _what, _share: None)
    picture = engine.begin(asked)
    while not picture.denoised:
        engine.step([picture])
    return engine.finish([picture])[0]


def test_the_same_drawing_gives_the_same_pixels() -> None:
    assert paint(drawing()).tobytes() == paint(drawing()).tobytes()


@pytest.mark.parametrize(
    "other", [drawing(seed=8), drawing(steps=9), drawing("hills at dusk"), drawing("a sea"), drawing("abstract")]
)
def test_another_drawing_gives_other_scenery(other: Drawing) -> None:
    """Not only the words differ: the scenery itself does."""
    box = sheet(256, 192).picture
    assert paint(drawing()).crop(box).tobytes() != paint(other).crop(box).tobytes()


@pytest.mark.parametrize("prompt", ["hills", "the sea", "abstract"])
@pytest.mark.parametrize("steps", [1, 2, 20, 100])
def test_every_step_paints_something(prompt: str, steps: int) -> None:
    layers = strokes(drawing(prompt, steps=steps))
    assert len(layers) == steps
    assert all(layers)


@pytest.mark.parametrize("prompt", ["hills", "the sea", "abstract"])
def test_more_steps_are_more_strokes(prompt: str) -> None:
    counts = [sum(map(len, strokes(drawing(prompt, steps=steps)))) for steps in (4, 20, 60)]
    assert counts == sorted(set(counts))


@pytest.mark.parametrize(("width", "height"), [(64, 64), (4096, 64), (64, 4096), (65, 127), (301, 999), (1000, 350)])
@pytest.mark.parametrize(
    "prompt", ["a fox", "x" * 3000, "many words " * 400, "日本の山、朝の霧", "Café — Zürich…", "\x01\u202e\U0001f98a"]
)
def test_every_size_and_prompt_can_be_drawn(width: int, height: int, prompt: str) -> None:
    image = paint(drawing(prompt, width=width, height=height, steps=3))
    assert image.size == (width, height)
    assert image.mode == "RGB"


@pytest.mark.parametrize(("width", "height"), [(64, 64), (4096, 64), (64, 4096), (4096, 4096), (1024, 1024)])
def test_picture_words_and_label_lie_apart_on_the_sheet(width: int, height: int) -> None:
    page = sheet(width, height)
    for left, top, right, bottom in (page.picture, page.words, page.label):
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
    assert page.picture[3] <= page.words[1] or page.picture[2] <= page.words[0]
    assert page.words[1] < page.label[1]


@pytest.mark.parametrize(("width", "height"), [(64, 64), (256, 192), (1024, 1024), (4096, 64), (64, 4096), (900, 300)])
def test_the_label_and_the_prompt_are_dark_on_light(width: int, height: int) -> None:
    page = sheet(width, height)
    image = paint(drawing("night sea", width=width, height=height, steps=2)).convert("L")
    for box in (page.words, page.label):
        darkest, lightest = image.crop(box).getextrema()
        assert isinstance(darkest, int)
        assert isinstance(lightest, int)
        assert darkest < 130
        assert lightest > 220


def test_the_label_names_the_seed() -> None:
    """Two seeds differ in the label's box, and two prompts do not."""
    box = sheet(512, 512).label
    labels = [
        paint(drawing(prompt, width=512, height=512, seed=seed, steps=1)).crop(box)
        for prompt, seed in (("sea", 7), ("sea", 8), ("hills", 7))
    ]
    assert ImageChops.difference(labels[0], labels[1]).getbbox() is not None
    assert ImageChops.difference(labels[0], labels[2]).getbbox() is None


def test_previews_grow_into_the_picture() -> None:
    engine, seen = Sketch(), list[bytes]()
    engine.load(lambda _what, _share: None)
    picture = engine.begin(drawing())
    while not picture.denoised:
        engine.step([picture])
        seen.append(picture.preview().tobytes())
        assert (picture.steps_done, picture.steps) == (len(seen), 8)
    assert len(set(seen)) == 8
    assert seen[-1] == engine.finish([picture])[0].tobytes()


def test_it_learns_how_fast_it_is() -> None:
    engine = Sketch()
    engine.load(lambda _what, _share: None)
    guessed = engine.seconds(drawing(steps=4))
    picture = engine.begin(drawing(steps=4))
    while not picture.denoised:
        engine.step([picture])
    engine.finish([picture])
    assert engine.seconds(drawing(steps=4)) not in (guessed, 0)
    assert engine.seconds(drawing(steps=8)) > engine.seconds(drawing(steps=4))
    assert list(engine.resources().pace) == ["sketch"]
