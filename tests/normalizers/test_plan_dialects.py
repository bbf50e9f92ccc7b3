"""What servers of one's own are sent, by their dialects."""

import pytest

from tests.normalizers.offers import FOX, OFFERS, planned, refusal, row_of

SD_SERVER = "my-sd-server/qwen-image"


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("euler_a/karras", {"sample_method": "euler_a", "scheduler": "karras"}),
        ("dpmpp_2m", {"sample_method": "dpm++2m"}),
        ("/sgm_uniform", {"scheduler": "sgm_uniform"}),
    ],
)
@pytest.mark.parametrize("operation", ["generate", "edit", "image_to_image"])
def test_sd_server_has_a_choice_of_sampler(operation: str, asked: str, sent: dict[str, str]) -> None:
    picture = {} if operation == "generate" else {"image": [FOX]}
    body = {**picture, "scheduler": asked, "num_inference_steps": 12}
    made = planned(body, OFFERS[f"{SD_SERVER} {operation}"])
    assert made.payload["sd_cpp_extra_args"]["sample_params"] == {**sent, "sample_steps": 12}
    assert row_of(made, "scheduler").behavior == "converted"


def test_a_sampler_that_sd_server_does_not_have_is_refused_with_those_it_has() -> None:
    assert "dpmpp_2m" in refusal({"scheduler": "unipc"}, SD_SERVER).reason


@pytest.mark.parametrize("server", ["my-vllm-omni", "my-sglang", "my-localai", "my-xinference"])
def test_others_choose_the_sampler(server: str) -> None:
    assert "leave it out" in refusal({"scheduler": "euler"}, f"{server}/qwen-image").reason


def test_another_sampler_would_be_another_picture_at_openai_too() -> None:
    assert "leave it out" in refusal({"scheduler": "euler"}, "openai/gpt-image-2").reason
