"""The autoencoder in two dimensions gives what the real one gives."""

import pytest
import torch
from diffusers import AutoencoderKLQwenImage

from workers.tiny import config as configuration
from workers.tiny.parts import make_vae
from workers.tiny.single_frame import decode, encode, forget_the_past


def stock_of_other_widths() -> AutoencoderKLQwenImage:
    """As the full model has it: convolutions in time between the levels, two residual blocks on each."""
    torch.manual_seed(3)
    return AutoencoderKLQwenImage(base_dim=8, z_dim=4, num_res_blocks=2, latents_mean=[0.0] * 4, latents_std=[1.0] * 4)


@pytest.fixture(params=["tiny", "other"])
def vae(request: pytest.FixtureRequest) -> AutoencoderKLQwenImage:
    return make_vae(configuration.read()) if request.param == "tiny" else stock_of_other_widths()


@torch.no_grad()
def test_same_latents_and_same_pictures(vae: AutoencoderKLQwenImage) -> None:
    pictures = torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(1)) * 2 - 1
    mean, log_variance = encode(vae, pictures)
    real = vae.encode(pictures[:, :, None]).latent_dist
    torch.testing.assert_close(mean, real.mean[:, :, 0], atol=1e-5, rtol=0)
    torch.testing.assert_close(log_variance, real.logvar[:, :, 0], atol=1e-5, rtol=0)
    drawn = vae.decode(mean[:, :, None]).sample[:, :, 0]
    torch.testing.assert_close(decode(vae, mean).clamp(-1, 1), drawn, atol=1e-5, rtol=0)


@torch.no_grad()
def test_what_a_picture_never_meets_may_be_forgotten() -> None:
    vae = stock_of_other_widths()
    pictures = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(2)) * 2 - 1
    before = vae(pictures[:, :, None]).sample
    forget_the_past(vae)
    torch.testing.assert_close(vae(pictures[:, :, None]).sample, before, atol=1e-6, rtol=0)
    assert vae.encoder.conv_in.weight[:, :, :-1].count_nonzero() == 0


def test_gradients_reach_the_real_weights() -> None:
    vae = make_vae(configuration.read())
    decode(vae, encode(vae, torch.zeros(1, 3, 16, 16))[0]).sum().backward()
    gradient = vae.encoder.conv_in.weight.grad
    assert gradient is not None
    assert gradient[:, :, -1].count_nonzero() > 0
    assert gradient[:, :, :-1].count_nonzero() == 0
