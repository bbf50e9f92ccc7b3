"""What the documents name is there: folders, files, commands."""

import re
import subprocess
from pathlib import Path

import pytest

from gateway.cli import COMMANDS
from tests.docs.documents import ROOT, blocks, text

FOLDERS = ("docs", "deploy")
PAGES = sorted(
    str(page.relative_to(ROOT))
    for page in [*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))]
)
LINK = re.compile(r"\]\(([^)#]+)(#[^)]*)?\)")
FILE = re.compile(r"`((?:[a-z_]+/)+[a-z_A-Z0-9.-]*)`")


def top_level_folders() -> set[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    files = listed.splitlines() or [str(path.relative_to(ROOT)) for path in ROOT.glob("[a-z]*/*")]
    return {file.split("/")[0] for file in files if "/" in file and not file.startswith(".")}


def test_the_architecture_names_every_folder() -> None:
    assert [folder for folder in sorted(top_level_folders()) if f"`{folder}/`" not in text("ARCHITECTURE.md")] == []


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for link, _anchor in LINK.findall(text(page)):
        assert link.startswith("https://") or (ROOT / page).parent.joinpath(link).exists(), link


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_exist(page: str) -> None:
    named = [name for name in FILE.findall(text(page)) if name.split("/")[0] in top_level_folders()]
    missing = [name for name in named if "NAME" not in name and not (ROOT / name).exists()]
    assert missing == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_commands_exist(page: str) -> None:
    shell = "\n".join(blocks(page, "sh"))
    targets = set(re.findall(r"^make (\w+)", shell, re.MULTILINE))
    commands = set(re.findall(r"\beasel (\w+)", shell))
    assert targets | commands, "a page about commands shows some"
    assert targets <= set(re.findall(r"^(\w+):", text("Makefile"), re.MULTILINE))
    assert commands <= set(COMMANDS)


def test_the_readme_shows_every_command_and_the_two_to_begin_with() -> None:
    readme = text("README.md")
    assert [name for name in ("generate", "explain", "models", "check", "serve") if f"easel {name}" not in readme] == []
    assert "make demo" in readme
    assert "make serve" in readme


def test_the_picture_is_small() -> None:
    assert (ROOT / "docs/contact-sheet.png").stat().st_size < 300_000


def test_decisions_have_their_parts() -> None:
    for page in sorted(Path(ROOT / "docs/decisions").glob("*.md")):
        for part in ("**Context.**", "**Choice.**", "**Consequences.**"):
            assert part in page.read_text("utf-8"), f"{page.name}: {part}"
