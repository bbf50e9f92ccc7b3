"""`python -m workers.tiny.train`: train the transformer and the text encoder together.

Its latents are known without the autoencoder, so `train_vae` may run at the same time; but it has to be done first.
Stopped and started again it goes on where it last kept a checkpoint. At the end the whole pipeline is in the folder.
"""

import argparse
import math
import time
from pathlib import Path
from random import Random

import torch
from diffusers import AutoencoderKLQwenImage, QwenImagePipeline
from diffusers.pipelines.qwenimage.pipeline_qwenimage import calculate_shift
from torch import Tensor, nn
from torch.nn import functional

from workers.tiny import config as configuration
from workers.tiny.average import Average
from workers.tiny.captions import caption
from workers.tiny.config import Config, Train
from workers.tiny.pipeline import build, save
from workers.tiny.pools import Pool, make_pools, statistics
from workers.tiny.progress import say

_KEEP_EVERY = 250
_GROUP = 8  # steps, among which captions are dealt out


def train(config: Config, folder: Path, begin_with: Path | None = None) -> QwenImagePipeline:
    """The pipeline with the averaged weights after all steps; `begin_with`: a pipeline to go on from."""
    asked = config.train
    pipeline = build(config=config)
    pools = make_pools(config)
    mean, spread = statistics(pools)
    pipeline.vae.register_to_config(latents_mean=mean, latents_std=spread)
    if begin_with is None:
        begin(pipeline)
    else:
        known = QwenImagePipeline.from_pretrained(begin_with)
        pipeline.transformer.load_state_dict(known.transformer.float().state_dict())
        pipeline.text_encoder.load_state_dict(known.text_encoder.float().state_dict())
    learner = nn.ModuleList([pipeline.transformer, pipeline.text_encoder.model.language_model])
    learner.train()
    average = Average(learner, asked.decay)
    optimizers = _optimizers(asked, pipeline.transformer, learner)
    start = _resume(folder / "transformer.pt", learner, average, optimizers)
    began, recent = time.monotonic(), dict[str, float]()
    for step in range(start, asked.steps):
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = optimizer.defaults["lr"] * _pace(step, asked.warm_up_steps, asked.steps)
            optimizer.zero_grad(set_to_none=True)
        size, loss = lesson(config, pipeline, pools, step)
        loss.backward()
        nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        average.update(step)
        recent[size] = 0.98 * recent.get(size, loss.item()) + 0.02 * loss.item()
        if (step + 1) % _KEEP_EVERY == 0 or step == asked.steps - 1:
            losses = " ".join(f"{size} {loss:.4f}" for size, loss in sorted(recent.items()))
            say(f"step {step + 1} loss {losses} {time.monotonic() - began:.0f} s")
            kept = {
                "step": step + 1,
                "learner": learner.state_dict(),
                "average": average.state(),
                "optimizers": [optimizer.state_dict() for optimizer in optimizers],
            }
            torch.save(kept, folder / "transformer.new")
            (folder / "transformer.new").replace(folder / "transformer.pt")
            with average.applied():
                save(pipeline, folder / "pipeline")
    average.copy()
    pipeline.vae = AutoencoderKLQwenImage.from_pretrained(folder / "vae")
    pipeline.vae.register_to_config(latents_mean=mean, latents_std=spread)
    return pipeline


@torch.no_grad()
def begin(pipeline: QwenImagePipeline) -> None:
    """A prediction of zero, and words that lie far apart: with the usual embeddings, fifty times smaller, they are not
    listened to for the first few hundred steps."""
    nn.init.zeros_(pipeline.transformer.proj_out.weight)
    nn.init.zeros_(pipeline.transformer.proj_out.bias)
    nn.init.normal_(pipeline.text_encoder.model.language_model.embed_tokens.weight)


def _optimizers(asked: Train, transformer: nn.Module, learner: nn.Module) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the transformer's blocks, AdamW for all that comes before and after them."""
    matrices = [weight for name, weight in transformer.named_parameters() if "_blocks." in name and weight.ndim == 2]
    known = {id(weight) for weight in matrices}
    others = [weight for weight in learner.parameters() if id(weight) not in known]
    decay = asked.weight_decay
    return [
        torch.optim.Muon(matrices, lr=asked.matrix_learning_rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=asked.learning_rate, betas=(0.9, 0.99), weight_decay=decay),
    ]


def lesson(config: Config, pipeline: QwenImagePipeline, pools: list[Pool], step: int) -> tuple[str, Tensor]:
    """The size of the pictures of this step, and how far the velocity predicted for them is from the true one."""
    noise = torch.Generator().manual_seed(config.seed + step)
    pool, chosen, words = _asked(config, pools, step)
    clean = _standard(pipeline, pool.latents[torch.tensor(chosen)].float())
    _, _, rows, columns = clean.shape
    clean = pipeline._pack_latents(clean, len(chosen), config.vae.z_dim, rows, columns)  # pyright: ignore[reportPrivateUsage]  # the pipeline's own order of numbers
    level = _levels(config, len(chosen), clean.shape[1], noise)
    start = torch.randn(clean.shape, generator=noise)
    between = clean + level[:, None, None] * (start - clean)
    embeds, mask = pipeline.encode_prompt(words)
    predicted = pipeline.transformer(
        hidden_states=between,
        timestep=level,
        encoder_hidden_states=embeds,
        encoder_hidden_states_mask=mask,
        img_shapes=[[(1, rows // 2, columns // 2)]] * len(chosen),
        return_dict=False,
    )[0]
    return f"{pool.size.width}x{pool.size.height}", functional.mse_loss(predicted, start - clean)


def _asked(config: Config, pools: list[Pool], step: int) -> tuple[Pool, list[int], list[str]]:
    """Which pictures of which pool this step learns from, and their captions.

    Steps come in groups. Within one the captions are dealt out by their length, so that hardly any is padded.
    """
    dice = Random(f"{config.seed} {step // _GROUP}")  # noqa: S311 - the same lessons after a restart
    pool = dice.choices(pools, [pool.size.share for pool in pools])[0]
    drawn = [dice.randrange(len(pool.wishes)) for _ in range(_GROUP * pool.size.batch)]
    asked = sorted(((index, caption(pool.wishes[index], dice)) for index in drawn), key=lambda each: each[1].count(" "))
    first = dice.sample(range(_GROUP), _GROUP)[step % _GROUP] * pool.size.batch
    own = asked[first : first + pool.size.batch]
    words = [dice.choice(("", " ")) if dice.random() < config.train.empty_share else said for _, said in own]
    return pool, [index for index, _ in own], words


def _standard(pipeline: QwenImagePipeline, latents: Tensor) -> Tensor:
    """With mean 0 and deviation 1 in each channel."""
    own = pipeline.vae.config
    shape = (1, -1, 1, 1)
    return (latents - torch.tensor(own["latents_mean"]).view(shape)) / torch.tensor(own["latents_std"]).view(shape)


def _levels(config: Config, count: int, tokens: int, noise: torch.Generator) -> Tensor:
    """Noise levels in 0..1, shifted as the scheduler shifts those of a picture with so many tokens.

    Half of them are logit-normal. The others lie mostly where there is little but noise: that is where the words decide
    what comes to be where, and there is much to learn about it from few pictures.
    """
    asked = config.scheduler
    shift = math.exp(
        calculate_shift(tokens, asked.base_image_seq_len, asked.max_image_seq_len, asked.base_shift, asked.max_shift)
    )
    half = count // 2
    return torch.cat(
        [
            _shifted(torch.sigmoid(torch.randn(half, generator=noise)), shift),
            _shifted(torch.rand(count - half, generator=noise), 2 * shift),
        ]
    )


def _shifted(level: Tensor, shift: float) -> Tensor:
    return shift * level / (1 + (shift - 1) * level)


def _pace(step: int, warm_up_steps: int, steps: int) -> float:
    """The part of the learning rate to use: up, level, and over the last third down to a fiftieth."""
    return min(1.0, (step + 1) / warm_up_steps, 0.02 + 0.98 * 3 * (steps - step) / steps)


def _resume(path: Path, learner: nn.Module, average: Average, optimizers: list[torch.optim.Optimizer]) -> int:
    """The step to go on from; 0 without a checkpoint."""
    if not path.exists():
        return 0
    kept = torch.load(path, weights_only=True)
    learner.load_state_dict(kept["learner"])
    average.load(kept["average"])
    for optimizer, state in zip(optimizers, kept["optimizers"], strict=True):
        optimizer.load_state_dict(state)
    return kept["step"]


def main() -> None:
    """Trains as the configuration says."""
    parser = argparse.ArgumentParser(description="Train the tiny model's transformer and text encoder.")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--training", type=Path, default=configuration.OUTPUT, help="where train_vae kept its result")
    parser.add_argument("--output", type=Path, default=configuration.MODEL_FOLDER)
    parser.add_argument("--begin-with", type=Path, help="a pipeline to go on from, such as the one in the package")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    save(train(configuration.read(), given.training, given.begin_with), given.output)


if __name__ == "__main__":
    main()
