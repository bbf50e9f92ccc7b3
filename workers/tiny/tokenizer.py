"""A Qwen tokenizer of a few hundred words, made from the sentences that the tiny model will meet."""

import json
from random import Random

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import Qwen2Tokenizer
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from workers.tiny.captions import caption
from workers.tiny.wishes import any_wish

TEXT_TEMPLATE = (
    "<|im_start|>system\nDescribe the image by detailing the color, shape, size, texture, quantity, text, spatial"
    " relationships of the objects and background:<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
)
EDIT_TEMPLATE = (
    "<|im_start|>system\nDescribe the key features of the input image (color, shape, size, texture, objects,"
    " background), then explain how the user's text instruction should alter or modify the image. Generate a new image"
    " that meets the user's requirements while maintaining consistency with the original input where"
    " appropriate.<|im_end|>\n<|im_start|>user\n"
)
"""What diffusers puts around a prompt; it cuts 34 tokens off the text to image one and 64 off the edit one."""

SPECIAL = {
    "endoftext": "<|endoftext|>",
    "start": "<|im_start|>",
    "end": "<|im_end|>",
    "vision_start": "<|vision_start|>",
    "vision_end": "<|vision_end|>",
    "vision": "<|vision_pad|>",
    "image": "<|image_pad|>",
    "video": "<|video_pad|>",
}
_CAPTIONS = 2000
_TEMPLATES = 400  # times, so that each of their words becomes one token
_VOCABULARY = 560


def make_tokenizer(seed: int) -> Qwen2Tokenizer:
    """Every byte is in it, so any prompt can be read, though only the captions' words are single tokens."""
    learned = Tokenizer(models.BPE())
    learned.normalizer = normalizers.NFC()
    learned.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    learned.train_from_iterator(_sentences(seed), trainer)
    return Qwen2Tokenizer(
        vocab=learned.get_vocab(),
        merges=_merges(learned),  # pyright: ignore[reportArgumentType]  # annotated as words, used as pairs
        extra_special_tokens=list(SPECIAL.values()),
        padding_side="right",
        model_max_length=2048,
    )


def _sentences(seed: int) -> list[str]:
    dice = Random(seed)  # noqa: S311 - the same words every time are the point
    plain = TEXT_TEMPLATE + EDIT_TEMPLATE
    for special in SPECIAL.values():
        plain = plain.replace(special, "")
    return [plain] * _TEMPLATES + [caption(any_wish(dice), dice) for _ in range(_CAPTIONS)]


def _merges(learned: Tokenizer) -> list[tuple[str, str]]:
    """The trained pairs, in the order in which they are to be joined."""
    model = json.loads(learned.to_str())["model"]
    return [tuple(pair) for pair in model["merges"]]
