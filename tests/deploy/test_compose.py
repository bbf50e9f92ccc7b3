"""deploy/compose.yaml: it is valid, gives nothing away, and agrees with what the gateway reads."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gateway.settings import read_settings
from gateway.settings_tables import Server
from tests.deploy.composed import environment, read_dot_env, services, variables
from tests.deploy.programs import DEPLOY, passes

NAMES = sorted(services())


@pytest.fixture
def dot_env(tmp_path: Path) -> dict[str, str]:
    """What new_env.sh makes."""
    for name in ("env.example", "new_env.sh"):
        shutil.copy(DEPLOY / name, tmp_path)
    subprocess.run([tmp_path / "new_env.sh"], check=True, capture_output=True)
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    return read_dot_env((tmp_path / ".env").read_text())


def test_it_is_a_compose_file() -> None:
    passes("check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")


def test_new_secrets_are_made_once_and_are_never_the_same(dot_env: dict[str, str], tmp_path: Path) -> None:
    example = read_dot_env((DEPLOY / "env.example").read_text())
    secrets = [name for name, value in example.items() if not value]
    assert all(re.fullmatch(r"[0-9a-f]{64}", dot_env[name]) for name in secrets)
    assert len({dot_env[name] for name in secrets}) == len(secrets) == 5
    assert {name: dot_env[name] for name in example if name not in secrets} == {k: v for k, v in example.items() if v}
    again = subprocess.run([tmp_path / "new_env.sh"], capture_output=True, check=False)
    assert again.returncode == 1
    assert read_dot_env((tmp_path / ".env").read_text()) == dot_env


def test_every_variable_is_explained() -> None:
    example = (DEPLOY / "env.example").read_text()
    handed_on = {name for name, value in services()["gateway"]["environment"].items() if value is None}
    for name in {*variables(), *handed_on} - {"EASEL_VERSION"}:
        assert re.search(rf"^(# )?{name}=", example, re.MULTILINE), name
    secrets = {name for name, value in read_dot_env(example).items() if not value}
    assert all(variables()[name] == "?" for name in secrets), "without them it must not start"


def test_the_gateways_environment_is_one_that_they_read(
    dot_env: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in environment("gateway", {**dot_env, "FAL_KEY": "key-of-fal"}).items():
        monkeypatch.setenv(name, value)
    settings = read_settings(DEPLOY / "easel.toml")
    password = dot_env["POSTGRES_PASSWORD"]
    assert settings.database.url == f"postgresql://easel:{password}@postgres/easel"
    assert settings.redis.url == "redis://valkey:6379/0"
    assert settings.storage.url == "file"
    assert [key.get_secret_value() for key in settings.storage.signing_keys] == [dot_env["EASEL_SIGNING_KEY"]]
    assert settings.auth.admin_key is not None
    assert settings.auth.admin_key.get_secret_value() == dot_env["EASEL_AUTH__ADMIN_KEY"]
    assert settings.secrets.key is not None
    assert settings.server.public_url == "http://localhost:8080"
    assert settings.one_provider("fal").api_key == "key-of-fal"
    assert settings.one_provider("openai").api_key is None


def test_only_nginx_and_grafana_can_be_reached() -> None:
    assert {name for name in NAMES if "ports" in services()[name]} == {"nginx", "grafana"}
    reached = {name: set(services()[name]["networks"]) for name in NAMES}
    assert {name for name, networks in reached.items() if "stores" in networks} == {"gateway", "postgres", "valkey"}


@pytest.mark.parametrize("name", NAMES)
def test_every_service_is_bounded_watched_and_writes_only_where_it_may(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["restart"] == "unless-stopped"
    assert "no-new-privileges:true" in service["security_opt"]
    assert {"cpus", "memory", "pids"} <= set(service["deploy"]["resources"]["limits"])
    assert {"start_period", "start_interval"} <= set(service["healthcheck"]), "Docker takes the second with the first"
    if name != "gateway":
        assert re.search(r":v?\d+[.\d]*(-alpine)?$", service["image"]), "an image has a version"
    for mount in service.get("volumes", []):
        source, _, _ = mount.partition(":")
        if source.startswith("."):
            assert mount.endswith(":ro")
            assert (DEPLOY / source).exists(), source


def test_two_gateways_wait_for_their_stores_and_are_given_time_to_end() -> None:
    gateway = services()["gateway"]
    assert gateway["deploy"]["replicas"] == 2
    assert gateway["depends_on"] == {name: {"condition": "service_healthy"} for name in ("postgres", "valkey")}
    assert seconds(gateway["stop_grace_period"]) > Server().deadline
    assert seconds(services()["nginx"]["stop_grace_period"]) > Server().deadline


def test_nginx_agrees_with_the_gateways() -> None:
    server = Server()
    assert f"client_max_body_size {server.max_body_mb}m;" in nginx_conf()
    for name in ("proxy_read_timeout", "worker_shutdown_timeout"):
        assert seconds(directive(name)) > server.deadline
    assert "server gateway:8080 resolve" in nginx_conf()
    assert services()["gateway"]["expose"] == ["8080"]


def seconds(text: Any) -> int:
    """630 of "630s"."""
    assert text.endswith("s")
    return int(text[:-1])


def directive(name: str) -> str:
    found = re.search(rf"^\s*{name} (\S+);", nginx_conf(), re.MULTILINE)
    assert found, name
    return found[1]


def nginx_conf() -> str:
    return (DEPLOY / "nginx" / "nginx.conf").read_text()
