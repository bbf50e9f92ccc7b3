"""Models that take as much as those of the engine `diffusers` do, for engines that need no torch."""

from workers.engine import Model

QWEN = Model(
    id="qwen-image",
    title="Qwen-Image",
    parameters=frozenset(
        {
            "seed",
            "num_inference_steps",
            "negative_prompt",
            "cfg_scale",
            "strength",
            "scheduler",
            "acceleration",
            "loras",
            "control_nets",
        }
    ),
    shortest_side=64,
    longest_side=3072,
    default_size=(1024, 1024),
    default_steps=50,
    most_steps=100,
    most_images=1,
    masks=True,
    multiple_of=16,
    most_pixels=4_194_304,
    schedulers=("euler", "euler_karras"),
    accelerations=("none", "regular", "high"),
    most_loras=3,
    control_models=("canny",),
)
EDIT = Model(
    id="qwen-image-edit-2511",
    title="Qwen-Image-Edit-2511",
    parameters=frozenset({"seed", "num_inference_steps", "negative_prompt", "cfg_scale", "scheduler"}),
    shortest_side=64,
    longest_side=3072,
    default_size=(1024, 1024),
    default_steps=40,
    most_steps=100,
    most_images=3,
    multiple_of=16,
    schedulers=("euler",),
)
