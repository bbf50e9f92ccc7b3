"""config.toml as values: what the tiny model is, and how it is trained."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MODEL_FOLDER = HERE / "qwen-image-tiny"
OUTPUT = Path("training-output")
"""Where training keeps its checkpoints and logs, below the directory that it was started in."""


@dataclass(frozen=True)
class Vae:
    """Widths of the autoencoder; it makes one latent of every 8 × 8 pixels."""

    base_dim: int
    z_dim: int
    dim_mult: tuple[int, ...]
    num_res_blocks: int


@dataclass(frozen=True)
class TextEncoder:
    """Widths of the Qwen2.5-VL that reads the prompt."""

    hidden: int
    intermediate: int
    layers: int


@dataclass(frozen=True)
class Transformer:
    """Widths of the denoiser; the axes of its rotary positions sum to the width of a head."""

    layers: int
    heads: int
    head_dim: int
    rope_axes: tuple[int, int, int]


@dataclass(frozen=True)
class Scheduler:
    """How the noise levels of a picture depend on its size."""

    base_shift: float
    max_shift: float
    base_image_seq_len: int
    max_image_seq_len: int
    shift_terminal: float


@dataclass(frozen=True)
class Draw:
    """How the model draws best, and how its score is measured."""

    steps: int
    true_cfg_scale: float
    negative_prompt: str


@dataclass(frozen=True)
class TrainVae:
    """A run of `train_vae`. `decay` is that of the averaged weights, per step."""

    steps: int
    batch: int
    side: int
    learning_rate: float
    warm_up_steps: int
    disturbance: float
    decay: float


@dataclass(frozen=True)
class Size:
    """Pictures of one size: which share of the steps takes a batch of them out of a pool of encoded ones."""

    height: int
    width: int
    share: float
    batch: int
    pool: int


@dataclass(frozen=True)
class Train:
    """A run of `train`. `empty_share` of the captions say nothing; `decay` is that of the averaged weights.

    `matrix_learning_rate` is Muon's, for the matrices in the transformer's blocks; `learning_rate` that of the others.
    """

    steps: int
    learning_rate: float
    matrix_learning_rate: float
    warm_up_steps: int
    weight_decay: float
    empty_share: float
    decay: float
    sizes: tuple[Size, ...]


@dataclass(frozen=True)
class Config:
    """The whole file."""

    seed: int
    vae: Vae
    text_encoder: TextEncoder
    transformer: Transformer
    scheduler: Scheduler
    draw: Draw
    train_vae: TrainVae
    train: Train


def read(path: Path = HERE / "config.toml") -> Config:
    """The configuration in that file; TypeError names what is missing or too many."""
    table: dict[str, Any] = tomllib.loads(path.read_text())
    vae, transformer, train = (dict[str, Any](table.pop(name)) for name in ("vae", "transformer", "train"))
    vae["dim_mult"] = tuple(vae["dim_mult"])
    transformer["rope_axes"] = tuple(transformer["rope_axes"])
    train["sizes"] = tuple(Size(**size) for size in train["sizes"])
    return Config(
        vae=Vae(**vae),
        transformer=Transformer(**transformer),
        text_encoder=TextEncoder(**table.pop("text_encoder")),
        scheduler=Scheduler(**table.pop("scheduler")),
        draw=Draw(**table.pop("draw")),
        train_vae=TrainVae(**table.pop("train_vae")),
        train=Train(**train),
        **table,
    )
