"""The page about prices names every key of the table and every basis of a cost."""

from gateway.flow.cost import BASES
from gateway.flow.quoting import QUOTED
from normalizers.price_table import PriceTable
from tests.docs.documents import code, rows


def test_every_key_of_a_price_is_explained() -> None:
    written = [name for row in rows("docs/prices.md", "key") for name in code(row["key"])]
    assert sorted(written) == sorted(PriceTable.model_fields)


def test_every_basis_is_explained() -> None:
    assert sorted(code(row["basis"])[0] for row in rows("docs/prices.md", "basis")) == sorted([*BASES, QUOTED])
