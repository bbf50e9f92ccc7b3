"""What a picture costs at least: the arithmetic of Qwen-Image's transformer at the rate that the device keeps up."""

LINEAR_PARAMETERS = 6.795e9  # of the 20.4 that apply to each token; the rest modulates, or belongs to the other stream
WIDTH, LAYERS = 3072, 60
PIXELS_A_TOKEN = 16 * 16
SUSTAINED_TFLOPS = 790.0  # bf16 on an H200, of 989 by its data sheet


def forward_tflop(width: int, height: int, text_tokens: int) -> float:
    """Of one forward of one picture, in 10^12 operations: 70.0 at 1024x1024 with short prompts."""
    tokens = width * height // PIXELS_A_TOKEN + text_tokens
    return (2 * LINEAR_PARAMETERS * tokens + 4 * tokens**2 * WIDTH * LAYERS) / 1e12


def seconds(width: int, height: int, steps: int, text_tokens: int, tflops: float = SUSTAINED_TFLOPS) -> float:
    """Of a whole picture with true guidance, which takes two forwards a step."""
    return 2 * steps * forward_tflop(width, height, text_tokens) / tflops
