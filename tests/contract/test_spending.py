"""What is told of usage and the ledger is what openapi.yaml says, and nothing besides."""

import csv
import io

import httpx

from gateway.store.usage import GROUPS
from tests.contract.document import DOCUMENT, Json, schema_of, wrong_with
from tests.gateway.running import RunningGateway
from tests.gateway.spending import new_spender

LEDGER = "/v1/admin/ledger"


def told(answer: httpx.Response, route: str) -> Json:
    """The body, which is as documented."""
    assert answer.status_code == 200, answer.text
    assert not wrong_with(answer.json(), schema_of(route, answer.request.method, 200), strict=True)
    return answer.json()


def test_usage_is_told_as_documented(usual: RunningGateway) -> None:
    spender = new_spender(usual)
    assert DOCUMENT["components"]["schemas"]["UsageGroup"]["enum"] == list(GROUPS)
    query = {"from": "2026-11-21", "to": "2026-11-30", "team": spender.team, "group_by": ",".join(GROUPS)}
    for path in ("/v1/usage", "/v1/admin/usage"):
        whole = told(usual.http.get(path, headers=spender.admin.headers), path)
        assert whole["data"][0]["cost_micros"] == 63_000
        grouped = told(usual.http.get(path, params=query, headers=spender.admin.headers), path)
        assert len(grouped["data"]) == 2
        table = usual.http.get(path, params={**query, "format": "csv"}, headers=spender.admin.headers)
        assert (
            table.headers["content-type"].partition(";")[0]
            in DOCUMENT["paths"][path]["get"]["responses"]["200"]["content"]
        )
        assert next(csv.reader(io.StringIO(table.text))) == list(grouped["data"][0])
    row = DOCUMENT["components"]["schemas"]["UsageRow"]
    assert list(row["properties"]) == list(grouped["data"][0]), "in the same order, too"
    assert row["required"] == list(whole["data"][0])


def test_the_ledger_is_told_as_documented(usual: RunningGateway) -> None:
    spender = new_spender(usual)
    path = f"{LEDGER}/{spender.lines[0]}/adjust"
    told(usual.http.post(path, json={"cost_usd": 0.5, "note": "as billed"}), f"{LEDGER}/{{id}}/adjust")
    listed = told(usual.http.get(LEDGER, params={"team": spender.team}), LEDGER)["data"]
    assert [each["kind"] for each in listed] == ["adjustment", "cached", "drawn", "drawn", "drawn"]
    assert [list(each) for each in listed] == [DOCUMENT["components"]["schemas"]["LedgerLine"]["required"]] * 5
    told(usual.http.get(LEDGER, params={"team": spender.team, "model": "none"}), LEDGER)
