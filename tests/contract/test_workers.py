"""Workers are told as the contract says, whatever state they are in."""

from providers.account import Account
from providers.local.adapter import Local
from tests.contract.test_tenants import accepted, told
from tests.gateway.running import RunningGateway
from tests.gateway.tenants import made_key
from tests.gateway.until import until

WORKERS = "/v1/admin/workers"


def test_a_worker_that_nobody_reaches(narrow: RunningGateway) -> None:
    until(lambda: told(narrow.http.get(WORKERS), WORKERS, 200)["data"][0]["state"] == "away")
    [away] = told(narrow.http.get(WORKERS), WORKERS, 200)["data"]
    assert (away["url"], away["announced"], away["models"]) == ("http://127.0.0.1:9", False, None)


def test_an_announced_address_that_is_not_asked() -> None:
    local = Local(Account(""), announced=True)
    local.announced(["http://10.1.2.3:8188"])
    [rejected] = local.rows()
    assert accepted(rejected, "Worker")
    assert (rejected["state"], rejected["url"]) == ("rejected", "http://10.1.2.3:8188")


def test_without_workers_there_are_none(usual: RunningGateway) -> None:
    answer = told(usual.http.get(WORKERS), WORKERS, 200)
    assert (answer["data"], answer["line"]) == ([], {"interactive": 0, "background": 0})
    told(usual.http.get(WORKERS, headers=made_key(usual, role="team_admin").headers), WORKERS, 403)
