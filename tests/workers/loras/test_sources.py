"""Only the worker's folder and the hosts that it was told of are ever read from."""

from pathlib import Path

import pytest

from tests.workers.loras.files import lora
from workers.errors import Refusal
from workers.loras.sources import Allowed, InFolder, OnWeb, read_source

HOSTS = ("models.example", "*.cdn.example", "other.example:8443", "huggingface.co")


def refusal(text: str, allowed: Allowed) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read_source(text, allowed)
    assert caught.value.param == "loras"
    return caught.value


@pytest.mark.parametrize("name", ["fox.safetensors", "fox", "styles/ink.safetensors", "styles/ink"])
def test_a_file_of_the_folder_by_its_name(name: str, tmp_path: Path) -> None:
    lora(tmp_path)
    lora(tmp_path, "styles/ink.safetensors")
    found = read_source(name, Allowed(tmp_path, HOSTS))
    assert isinstance(found, InFolder)
    assert (found.shown, found.file.stem) == (name, Path(name).stem)


def test_nothing_outside_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "loras"
    lora(folder)
    secret = lora(tmp_path, "secret.safetensors")
    (folder / "link.safetensors").symlink_to(secret)
    (folder / "out").symlink_to(tmp_path)
    allowed = Allowed(folder)
    for text in (
        "../secret.safetensors",
        str(secret),
        "a/../../secret.safetensors",
        "..",
        "C:\\fox",
        "file:///etc/passwd",
    ):
        assert refusal(text, allowed).code == "lora_not_allowed", text
    for text in ("link.safetensors", "out/secret.safetensors", "missing", ".", "styles", "x" * 2000):
        assert refusal(text, allowed).code == "lora_not_found", text


def test_without_a_folder_or_hosts_there_are_none() -> None:
    for text in ("fox", "https://models.example/a.safetensors", "owner/name"):
        told = refusal(text, Allowed())
        assert told.code == "lora_not_allowed"
        assert "without any" in str(told)


@pytest.mark.parametrize(
    "text",
    [
        "https://models.example/a.safetensors",
        "HTTPS://MODELS.example/a.safetensors",
        "https://models.example:443/a",
        "https://a.b.cdn.example/a",
        "https://other.example:8443/a",
    ],
)
def test_allowed_hosts(text: str) -> None:
    assert isinstance(read_source(text, Allowed(None, HOSTS)), OnWeb)


@pytest.mark.parametrize(
    "text",
    [
        "http://models.example/a",
        "ftp://models.example/a",
        "https://evil.example/a",
        "https://models.example.evil.example/a",
        "https://evilcdn.example/a",
        "https://cdn.example/a",
        "https://models.example:8443/a",
        "https://other.example/a",
        "https://models.example@evil.example/a",
        "https://me:secret@models.example/a",
        "https://127.0.0.1/a",
        "https://[::1]/a",
        "https:///a",
        "https://",
        "https://models.example:99999/a",
        "civitai:1@2",
    ],
)
def test_all_else_is_refused_and_told_what_works(text: str) -> None:
    told = refusal(text, Allowed(None, HOSTS))
    assert (told.status, told.code) == (400, "lora_not_allowed")
    assert "models.example" in str(told)
    assert "secret" not in str(told)


@pytest.mark.parametrize("text", ["", "a\nb", "a\0b", "x" * 2049])
def test_names_that_cannot_be_shown(text: str) -> None:
    assert refusal(text, Allowed(None, HOSTS)).code == "invalid_lora"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("owner/name", "/owner/name/resolve/main/pytorch_lora_weights.safetensors"),
        ("owner/name/v2/fox.safetensors", "/owner/name/resolve/main/v2/fox.safetensors"),
    ],
)
def test_ids_of_the_hub_where_it_is_allowed(text: str, path: str) -> None:
    found = read_source(text, Allowed(None, HOSTS))
    assert isinstance(found, OnWeb)
    assert (found.url.host, found.url.path, found.shown) == ("huggingface.co", path, text)
    assert refusal(text, Allowed(None, ("models.example",))).code == "lora_not_allowed"
    assert refusal("owner/../../api", Allowed(None, HOSTS)).code == "lora_not_allowed"


def test_a_token_in_a_query_is_shown_nowhere() -> None:
    found = read_source("https://models.example/a.safetensors?token=secret#secret", Allowed(None, HOSTS))
    assert isinstance(found, OnWeb)
    assert found.shown == "https://models.example/a.safetensors"
    assert "secret" not in repr(found)
    assert found.url.query_string == "token=secret"
