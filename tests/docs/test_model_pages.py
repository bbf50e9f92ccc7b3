"""`easel models --pages`: each model's page tells, for each provider, everything that the tables hold."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import build
from gateway.rows.pages import cell, escaped, file_name
from normalizers.catalog import Catalog, Entry
from normalizers.rules import Rule
from providers.registry import BUILT_IN, PROVIDER_NAMES, ProviderSettings, read_catalog

CATALOG: Catalog = read_catalog(
    {name: ProviderSettings(name, name, usd_per={"CNY": 0.14, "BUZZ": 0.001}) for name in BUILT_IN}, {}
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    done = CliRunner().invoke(build("models"), ["models", "--offline", "--pages", str(folder)])
    assert done.exit_code == 0, done.output
    return folder


def rows_of(page: str) -> dict[str, list[str]]:
    """The cells of each table row, by its first one."""
    lines = (line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| "))
    return {first: rest for first, *rest in lines}


@pytest.mark.parametrize("entry", CATALOG.entries.values(), ids=lambda entry: entry.facts.id)
def test_each_provider_has_a_column_and_each_parameter_a_row(entry: Entry, pages: Path) -> None:
    page = (pages / file_name(entry.facts.id)).read_text()
    rows = rows_of(page)
    assert rows["parameter"] == [
        PROVIDER_NAMES[offer.provider]
        + ("" if offer.operation == "generate" else f", {offer.operation.replace('_', ' ')}")
        for offer in entry.offers
    ]
    for place, offer in enumerate(entry.offers):
        for name, rule in offer.rules.items():
            told = rows[f"`{name}`"][place]
            assert told.startswith(f"**{rule.how}**"), (offer.id, name)
            assert limits_of(rule) in told, (offer.id, name)
            assert escaped(rule.because) in told, (offer.id, name)
        assert rows["upstream"][place] == f"`{offer.upstream}`"
        assert rows["price"][place]
        assert offer.canvas.kind.replace("_", " ") in rows["sizes"][place]
        assert offer.source in page


def limits_of(rule: Rule) -> str:
    """A range as a page writes it; nothing where there is none, or where nothing is sent."""
    if not rule.works or "minimum" not in rule.schema or "maximum" not in rule.schema:
        return ""
    return f"{rule.schema['minimum']}…{rule.schema['maximum']}"


def test_the_index_links_to_every_page(pages: Path) -> None:
    index = (pages / "index.md").read_text()
    for model in CATALOG.entries:
        assert f"[{model}]({file_name(model)})" in index
    assert {file.name for file in pages.iterdir()} == {"index.md", *map(file_name, CATALOG.entries)}


def test_a_cell_stays_in_its_table() -> None:
    assert "\n" not in escaped(cell("style", {"behavior": "dropped", "sent_as": None, "note": "a|b\nc"}))
    assert escaped("a|b\nc") == "a\\|b c"
