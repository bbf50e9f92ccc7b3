"""README's table of providers says what the tables and adapters say; and what else each provider needs is there."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from normalizers.offer import Offer
from tests.docs.documents import ROOT, rows
from tests.docs.provider_table import engines, line, row

ENGINES = engines()
ADAPTERS = sorted((ROOT / "providers").glob("*/adapter.py"))
MOST_LINES = 150


@pytest.mark.parametrize("offers", ENGINES.values(), ids=list(ENGINES))
async def test_the_readme_has_the_row(offers: list[Offer]) -> None:
    right = await row(offers)
    [written] = [each for each in rows("README.md", "provider") if each["provider"] == right["provider"]] or [{}]
    assert written == right, f"README.md must have this row:\n{line(right)}"


def test_the_readme_has_no_other_rows() -> None:
    assert [each["provider"] for each in rows("README.md", "provider")] == list(ENGINES)


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda path: path.parent.name)
def test_an_adapter_is_short(adapter: Path) -> None:
    """What is longer than this carries something that is not transport."""
    assert len(adapter.read_text("utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda path: path.parent.name)
def test_every_provider_is_held_to_the_import_rules(adapter: Path) -> None:
    rules: Any = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = {contract["name"]: contract for contract in rules["tool"]["importlinter"]["contracts"]}
    layers = contracts["A provider never imports another provider"]["layers"]
    closed = contracts["Only providers.http and providers.guard know the HTTP client"]["source_modules"]
    name = adapter.parent.name
    assert name in layers[1].split(" | ")
    assert f"providers.{name}" in closed
