"""What a worker says of itself: its models, its work and what it works on."""

from typing import Any

from workers.desk import Desk
from workers.engine import SEEDS, Engine, Model


def status(engine: Engine, desk: Desk) -> dict[str, Any]:
    """`capacity` is how many jobs may be here at once, those that are drawn included; `queue_seconds` what the device
    has to do for them, as far as one can tell. `loading` is what is being done until the worker is ready."""
    held = desk.resources
    loading = desk.device.loading
    return {
        "engine": engine.name,
        "placeholder": engine.placeholder,
        "device": held.device or None,
        "ready": desk.ready,
        "loading": loading and {"what": loading[0], "share": loading[1]},
        "draining": desk.draining,
        "models": [{**described(model), "pace": held.pace.get(model.id)} for model in engine.models],
        "running": len(desk.running),
        "waiting": desk.waiting,
        "together": desk.together,
        "capacity": desk.together + desk.most_waiting,
        "drawn": desk.drawn,
        "queue_seconds": round(desk.queue_seconds, 3),
        "loras": [{"name": name, "digest": digest} for digest, name in held.loras.items()],
        "memory": held.memory,
    }


def listed(model: Model, *, placeholder: bool) -> dict[str, Any]:
    """As an entry of OpenAI's list of models."""
    return {"object": "model", "created": 0, "owned_by": "easel", "placeholder": placeholder, **described(model)}


def described(model: Model) -> dict[str, Any]:
    """What it takes."""
    width, height = model.default_size
    pictures = {"image"} if model.most_images else set[str]()
    masks = {"mask", "outpaint"} if model.masks else set[str]()
    return {
        "id": model.id,
        "title": model.title,
        "parameters": sorted({"prompt", "n", "size", "width", "height", *pictures, *masks, *model.parameters}),
        "images": model.most_images,
        "loras": model.most_loras,
        "schedulers": model.schedulers,
        "accelerations": model.accelerations,
        "control_nets": model.control_models,
        "sizes": {
            "default": f"{width}x{height}",
            "shortest_side": model.shortest_side,
            "longest_side": model.longest_side,
            "multiple_of": model.multiple_of,
            "most_pixels": model.most_pixels,
        },
        "steps": {"default": model.default_steps, "most": model.most_steps},
        "seeds": {"first": 0, "last": SEEDS - 1},
    }
