"""The engines there are. One that needs more than the base is imported only when it is asked for."""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from workers.engine import CannotLoad, Engine
from workers.options import WorkerOptions

PACKAGED = Path(__file__).parent / "tiny"  # models that come with the package, a folder each
_EXTRA = ("torch", "diffusers", "transformers", "accelerate", "peft", "safetensors", "greenlet")


class UnknownEngine(ValueError):
    """There is no engine of that name; the message lists those there are."""


def make(options: WorkerOptions) -> Engine:
    """The engine that was asked for, with nothing loaded. Raises `UnknownEngine`, and `CannotLoad` with a message for
    people if it lacks what it needs."""
    chosen = ENGINES.get(options.engine)
    if chosen is None:
        raise UnknownEngine(f"no engine '{options.engine}'; there is: {', '.join(sorted(ENGINES))}")
    return chosen(options)


def _sketch(_options: WorkerOptions) -> Engine:
    from workers.sketch.painter import Sketch  # noqa: PLC0415 - other engines do without it

    return Sketch()


def _diffusers(options: WorkerOptions) -> Engine:
    if not options.model:
        raise CannotLoad(
            "the engine 'diffusers' has to be told a model: --model Qwen/Qwen-Image, a folder of your own, "
            "or qwen-image-tiny, which comes with the package and needs no GPU"
        )
    missing = lacking()
    if missing:
        raise CannotLoad(
            f"the engine 'diffusers' needs {', '.join(missing)}, which is not installed here; "
            "install it with: pip install 'easel-gateway[worker]'"
        )
    from workers.diffusion.engine import Diffusers  # noqa: PLC0415 - torch takes seconds to import

    folder = packaged(options.model)
    return Diffusers(
        str(folder or options.model),
        device=options.device,
        dtype=options.dtype,
        name=options.name or (options.model if folder else None),
        compile=options.compile,
    )


def lacking() -> list[str]:
    """What the engine `diffusers` needs and this installation does not have."""
    return [name for name in _EXTRA if find_spec(name) is None]


def packaged(model: str) -> Path | None:
    """The folder of a model that comes with the package, such as `qwen-image-tiny`; a folder of that name where the
    worker was started goes first."""
    folder = PACKAGED / model
    known = model.isprintable() and "/" not in model and (folder / "model_index.json").is_file()
    return folder if known and not Path(model).is_dir() else None


ENGINES: Mapping[str, Callable[[WorkerOptions], Engine]] = {"sketch": _sketch, "diffusers": _diffusers}
