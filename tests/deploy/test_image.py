"""The images: they are sound, and what they are given to build from is all that they need and nothing else."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.deploy.programs import DEPLOY, ROOT, passes

DOCKERFILES = {"Dockerfile": 1, "Dockerfile.worker": 2}  # how many of their stages are images to run


@pytest.mark.parametrize("name", DOCKERFILES)
def test_the_dockerfile_is_sound(name: str) -> None:
    passes("hadolint", "--failure-threshold", "style", DEPLOY / name)


@pytest.mark.parametrize("name", DOCKERFILES)
def test_it_runs_as_a_user_that_has_a_number_and_is_not_root(name: str) -> None:
    for stage in (DEPLOY / name).read_text().split("\nFROM ")[-DOCKERFILES[name] :]:
        user = re.search(r"^USER (\d+):(\d+)$", stage, re.MULTILINE)
        assert user is not None
        assert all(int(number) > 0 for number in user.groups())
        assert "pip install" not in stage, "what builds stays in the first stage"


@pytest.mark.parametrize("name", DOCKERFILES)
def test_every_lock_that_it_installs_is_there(name: str) -> None:
    for lock in re.findall(r"requirements/[a-z]+\.txt", (DEPLOY / name).read_text()):
        assert (ROOT / lock).is_file(), lock


def test_every_lock_that_it_may_install_is_one_that_make_lock_makes() -> None:
    made = (ROOT / "Makefile").read_text()
    for lock in ("base", "otel", "worker", "ray"):
        assert f"-o requirements/{lock}.txt" in made
        assert (ROOT / "requirements" / f"{lock}.txt").is_file()


def test_it_is_given_all_that_the_wheel_needs_and_no_more(tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    given = allowed()
    for name in given:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, context / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copy(source, context)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=context,
        check=True,
        capture_output=True,
        text=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert {name.partition("/")[0] for name in packed if ".dist-info/" not in name} == packages
    assert {"gateway/api/openapi.yaml", "providers/fal/models.toml"} <= packed
    assert set(given) == {*packages, "requirements", "openapi.yaml", "pyproject.toml", "README.md", "LICENSE"}


def allowed() -> list[str]:
    """What .dockerignore lets through."""
    first, *rest = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert first == "*"
    return [line.removeprefix("!") for line in rest if line.startswith("!")]
