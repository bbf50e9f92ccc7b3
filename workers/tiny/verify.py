"""`python -m workers.tiny.verify`: draw the fixed prompts with the plain pipeline and count the right pictures.

What judges them has learned nothing. The exit status is 1 below 95 %.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import QwenImagePipeline
from PIL import Image

from workers.tiny import config as configuration
from workers.tiny.config import Draw
from workers.tiny.found import Bytes
from workers.tiny.judgement import complaints
from workers.tiny.progress import say
from workers.tiny.prompts import Asked, read_prompts

ENOUGH = 0.95


@dataclass(frozen=True)
class Verdict:
    """One picture and what is wrong with it: nothing, if it is right."""

    asked: Asked
    picture: Bytes
    wrong: tuple[str, ...]


def draw(pipeline: QwenImagePipeline, asked: Asked, settings: Draw) -> Bytes:
    """The picture, height × width × 3."""
    drawn = pipeline(
        prompt=asked.prompt,
        negative_prompt=settings.negative_prompt,
        true_cfg_scale=settings.true_cfg_scale,
        num_inference_steps=settings.steps,
        width=asked.width,
        height=asked.height,
        generator=torch.Generator().manual_seed(asked.seed),
    )
    return np.asarray(drawn.images[0])


def verify(pipeline: QwenImagePipeline, prompts: list[Asked], settings: Draw) -> list[Verdict]:
    """Each prompt drawn and judged, in order."""
    pipeline.set_progress_bar_config(disable=True)
    pictures = [draw(pipeline, asked, settings) for asked in prompts]
    return [
        Verdict(asked, picture, tuple(complaints(picture, asked.wish)))
        for asked, picture in zip(prompts, pictures, strict=True)
    ]


def share_right(verdicts: list[Verdict]) -> float:
    """In 0..1."""
    return sum(not verdict.wrong for verdict in verdicts) / len(verdicts)


def table(verdicts: list[Verdict], settings: Draw) -> str:
    """The result as a page of Markdown."""
    new = [verdict for verdict in verdicts if verdict.asked.new]
    right, right_new = (sum(not verdict.wrong for verdict in some) for some in (verdicts, new))
    lines = [
        "# Score of qwen-image-tiny",
        "",
        f"**{right} of {len(verdicts)}** pictures are what the prompt asked for, **{right_new} of {len(new)}** where it"
        f" asked for something that training never showed. {settings.steps} steps, guidance"
        f" {settings.true_cfg_scale}. Written by `python -m workers.tiny.verify --write`.",
        "",
        "| prompt | size | seed | in training | result |",
        "|---|---|---|---|---|",
    ]
    for verdict in verdicts:
        asked = verdict.asked
        result = "; ".join(verdict.wrong) or "right"
        seen = "no" if asked.new else "yes"
        lines.append(f"| {asked.prompt} | {asked.width}×{asked.height} | {asked.seed} | {seen} | {result} |")
    return "\n".join(lines) + "\n"


def contact_sheet(verdicts: list[Verdict], across: int = 8) -> Image.Image:
    """All pictures side by side, each in a square of 256 pixels; a red bar below the wrong ones."""
    rows = -(-len(verdicts) // across)
    sheet = Image.new("RGB", (264 * across, 272 * rows), (200, 200, 200))
    for index, verdict in enumerate(verdicts):
        picture = Image.fromarray(verdict.picture)
        scale = 256 // max(picture.size)
        larger = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
        left, top = 264 * (index % across), 272 * (index // across)
        sheet.paste(larger, (left, top))
        sheet.paste((220, 0, 0) if verdict.wrong else (0, 160, 0), (left, top + 258, left + 256, top + 266))
    return sheet


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description="Measure how often the tiny model draws what it is asked for.")
    parser.add_argument("--model", type=Path, default=configuration.MODEL_FOLDER)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--sheet", type=Path, help="where to keep all pictures on one sheet")
    parser.add_argument("--write", action="store_true", help="keep the table as score.md")
    given = parser.parse_args()
    own = configuration.read().draw
    settings = Draw(
        steps=given.steps or own.steps,
        true_cfg_scale=own.true_cfg_scale if given.guidance is None else given.guidance,
        negative_prompt=own.negative_prompt,
    )
    began = time.monotonic()
    verdicts = verify(QwenImagePipeline.from_pretrained(given.model), read_prompts(), settings)
    for verdict in verdicts:
        if verdict.wrong:
            say(f"{verdict.asked.prompt!r} {verdict.asked.width}x{verdict.asked.height}: {'; '.join(verdict.wrong)}")
    say(f"{share_right(verdicts):.1%} of {len(verdicts)} are right, in {time.monotonic() - began:.0f} s")
    if given.write:
        (configuration.HERE / "score.md").write_text(table(verdicts, settings))
    if given.sheet:
        contact_sheet(verdicts).save(given.sheet)
    return 0 if share_right(verdicts) >= ENOUGH else 1


if __name__ == "__main__":
    sys.exit(main())
