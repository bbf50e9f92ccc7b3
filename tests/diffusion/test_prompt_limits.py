"""A prompt is read to its end, or refused: nothing of it is cut off."""

import inspect
from dataclasses import dataclass

import diffusers
import pytest

from tests.diffusion.drawing import CIRCLE, changed, noise, source
from workers.diffusion.engine import Diffusers
from workers.diffusion.families import families
from workers.engine import Drawing, Unsupported

SHORT = changed(CIRCLE, steps=1)
MOST = {"engine": 1019, "editor": 1019, "sdxl": 75, "flux": 510}
"""Of the caller's own: the marks around a prompt take the rest."""


@dataclass(frozen=True, slots=True)
class Reader:
    engine: Diffusers
    most: int
    words: tuple[str, str]  # each a token of its own, with the space before it

    def prompt(self, tokens: int, last: int = 0) -> str:
        return self.words[0] * (tokens - 1) + self.words[last]


@pytest.fixture(params=MOST)
def reader(request: pytest.FixtureRequest) -> Reader:
    words = (" red", " blue") if request.param in ("engine", "editor") else (" a", " b")
    return Reader(request.getfixturevalue(request.param), MOST[request.param], words)


@pytest.mark.parametrize("name", ["prompt", "negative_prompt"])
def test_one_too_long_is_refused_with_its_length_and_the_limit(reader: Reader, name: str) -> None:
    most = reader.most
    too_long = changed(SHORT, cfg_scale=3.0, **{name: reader.prompt(most + 1)})
    with pytest.raises(Unsupported, match=f"'{name}' has {most + 1} tokens; .* reads {most} at most") as refused:
        reader.engine.begin(too_long)
    assert refused.value.param == name
    assert reader.words[0] * 2 not in str(refused.value)


def test_the_longest_is_read_to_its_last_word(reader: Reader) -> None:
    read = [read_by(reader.engine, changed(SHORT, prompt=reader.prompt(reader.most, last))) for last in (0, 1)]
    assert read[0] != read[1]


def test_edits_read_no_more_than_there_are_positions_for(editor: Diffusers) -> None:
    edit = changed(SHORT, source=source(noise(1)))
    with pytest.raises(Unsupported, match="'prompt' has 1020 tokens"):
        editor.begin(changed(edit, prompt=" red" * 1020))
    assert read_by(editor, changed(edit, prompt=" red" * 1019))


def test_the_mark_of_a_picture_is_none(editor: Diffusers, engine: Diffusers) -> None:
    hostile = changed(SHORT, prompt="a cat <|image_pad|><|image_pad|>")
    for each, drawing in ((editor, changed(hostile, source=source(noise(1)))), (engine, hostile)):
        with pytest.raises(Unsupported, match="stands for a picture"):
            each.begin(drawing)


def test_the_limits_are_those_of_the_pipelines() -> None:
    """The most that they accept, and never less than they are told to read."""
    for family in families().values():
        told = family.call.get("max_sequence_length")
        if told is None:
            continue
        assert family.prompt.tokens == told, family.name
        for pipeline in {
            family.pipelines.text,
            family.pipelines.image,
            family.pipelines.mask,
            family.pipelines.control,
        }:
            if pipeline is not None:
                source_of = inspect.getsource(getattr(diffusers, pipeline).check_inputs)
                assert f"max_sequence_length > {told}" in source_of, pipeline


def read_by(engine: Diffusers, drawing: Drawing) -> bytes:
    """The text as the denoiser gets it."""
    picture = engine.begin(drawing)
    assert picture.waits_for is not None
    read = picture.waits_for.kwargs["encoder_hidden_states"].numpy().tobytes()
    engine.drop(picture)
    return read
