"""`python -m workers.tiny.pipeline DIR [--seed S]`: a plain diffusers folder of the tiny pipeline, untrained.

Its parts are the real classes, so what loads this folder loads the full model:
`QwenImagePipeline.from_pretrained(DIR)`.
The edit pipelines need a part that no folder holds: a `workers.diffusion.processor.Processor` of the tokenizer.
All others are made from the parts of one: `QwenImageImg2ImgPipeline(**pipeline.components)`; and
`QwenImageControlNetPipeline(**pipeline.components, controlnet=make_controlnet(pipeline.transformer))`.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import torch
from diffusers import QwenImagePipeline

from workers.tiny import config as configuration
from workers.tiny.config import Config
from workers.tiny.parts import make_scheduler, make_text_encoder, make_transformer, make_vae
from workers.tiny.tokenizer import make_tokenizer


def build(seed: int | None = None, config: Config | None = None) -> QwenImagePipeline:
    """The whole pipeline with random weights, the same for the same seed. The words of its tokenizer never vary."""
    asked = config or configuration.read()
    seeded = asked if seed is None else replace(asked, seed=seed)
    tokenizer = make_tokenizer(asked.seed)
    return QwenImagePipeline(
        scheduler=make_scheduler(seeded),
        vae=make_vae(seeded),
        text_encoder=make_text_encoder(seeded, tokenizer),
        tokenizer=tokenizer,
        transformer=make_transformer(seeded),
    )


def save(pipeline: QwenImagePipeline, folder: Path) -> None:
    """Write the folder with weights in half precision, to be loaded in single precision where nothing else is asked."""
    pipeline.to(torch.float16).save_pretrained(folder, safe_serialization=True)
    pipeline.to(torch.float32)
    # transformers takes the precision from here, diffusers does not: on a CPU the parts would not fit one another.
    path = folder / "text_encoder" / "config.json"
    wanted = json.loads(path.read_text())
    wanted["dtype"] = "float32"
    for part in ("text_config", "vision_config"):
        wanted[part].pop("dtype", None)
    path.write_text(json.dumps(wanted, indent=2, sort_keys=True) + "\n")


def main() -> None:
    """Writes the folder."""
    parser = argparse.ArgumentParser(description="Write the tiny pipeline with random weights.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int)
    given = parser.parse_args()
    save(build(given.seed), given.folder)


if __name__ == "__main__":
    main()
