"""The words that the tiny model learns from, and the tokens that they become."""

from random import Random
from typing import Any

import pytest
from diffusers import QwenImageEditPipeline, QwenImageEditPlusPipeline, QwenImagePipeline

from workers.diffusion.processor import Processor
from workers.tiny import config as configuration
from workers.tiny.captions import caption
from workers.tiny.pipeline import build
from workers.tiny.prompts import read_prompts
from workers.tiny.tokenizer import make_tokenizer
from workers.tiny.wishes import Group, Wish, any_wish, held_out, learnable_wish

CONFIG = configuration.read()


@pytest.fixture(scope="module")
def pipeline() -> QwenImagePipeline:
    return build()


def test_the_templates_are_as_long_as_the_pipelines_assume(pipeline: QwenImagePipeline) -> None:
    """They cut that many tokens off, whatever the tokenizer."""
    parts: dict[str, Any] = {**pipeline.components, "processor": Processor(pipeline.tokenizer)}
    edit, edit_plus = QwenImageEditPipeline(**parts), QwenImageEditPlusPipeline(**parts)
    assert (tokens_before_the_prompt(pipeline), pipeline.prompt_template_encode_start_idx) == (34, 34)
    assert (tokens_before_the_prompt(edit), edit.prompt_template_encode_start_idx) == (64, 64)
    assert (tokens_before_the_prompt(edit_plus), edit_plus.prompt_template_encode_start_idx) == (64, 64)


def tokens_before_the_prompt(pipeline: Any) -> int:
    """Those before the picture, where the edit template has one."""
    before = pipeline.prompt_template_encode.split("{}")[0].split("<|vision_start|>")[0]
    return len(pipeline.tokenizer(before)["input_ids"])


def test_every_word_of_a_caption_is_one_token() -> None:
    tokenizer = make_tokenizer(CONFIG.seed)
    dice = Random(1)  # noqa: S311 - the same captions in every run
    for _ in range(200):
        words = caption(any_wish(dice), dice)
        assert len(tokenizer(words)["input_ids"]) <= len(words.replace(".", " .").replace(",", " ,").split()) + 1


def test_any_text_can_be_read_back() -> None:
    tokenizer = make_tokenizer(CONFIG.seed)
    for text in ("Ein Käfer, 二, 🎨!", "a red circle", "  two\n\nlines "):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_the_tokenizer_is_the_same_every_time() -> None:
    assert make_tokenizer(CONFIG.seed).get_vocab() == make_tokenizer(CONFIG.seed).get_vocab()


def test_training_never_sees_a_wish_that_is_held_out() -> None:
    dice = Random(2)  # noqa: S311 - the same wishes in every run
    assert not any(held_out(learnable_wish(dice)) for _ in range(500))
    assert 0.08 < sum(held_out(any_wish(dice)) for _ in range(2000)) / 2000 < 0.2


def test_a_wish_is_held_out_on_every_background() -> None:
    group = (Group(1, "red", "circle", "left"),)
    assert len({held_out(Wish(group, ground)) for ground in (None, "white", "grey", "black")}) == 1


def test_the_measured_prompts_are_forty_of_several_sizes_and_a_quarter_of_them_new() -> None:
    prompts = read_prompts()
    sizes = [(asked.width, asked.height) for asked in prompts]
    assert len({(asked.prompt, asked.seed) for asked in prompts}) == 40
    assert sizes.count((256, 256)) >= 5
    assert sum(width != height for width, height in sizes) >= 6
    assert sum(asked.new for asked in prompts) == 10


def test_a_pair_is_said_from_either_side() -> None:
    wish = Wish((Group(1, "red", "circle", "left"), Group(1, "blue", "square", "right")))
    dice = Random(3)  # noqa: S311 - the same captions in every run
    said = {caption(wish, dice).lower().strip(".") for _ in range(300)}
    assert {"a red circle left of a blue square", "a blue square right of a red circle"} <= said
    assert not any("square left of" in words or "circle right of" in words for words in said)
