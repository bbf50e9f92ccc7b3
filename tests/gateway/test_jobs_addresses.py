"""What opens a caller's webhook or storage is sent there, and told to nobody: not even with the job itself."""

import json
import sqlite3

import pytest

from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.job_client import begun, ended, watched
from tests.gateway.post_office import PostOffice
from tests.gateway.running import FOX, RunningGateway
from tests.gateway.until import until

SECRETS = ("t0ken-0f-the-webh00k", "s1gnature-0f-the-upl0ad")


@pytest.fixture
def easel(start: Start, office: PostOffice) -> RunningGateway:
    return start(delivery={"own_origins": [office.url]})


def test_it(
    easel: RunningGateway, office: PostOffice, simulators: Simulators, capfd: pytest.CaptureFixture[str]
) -> None:
    webhook, upload = f"{office.url}/hook?token={SECRETS[0]}", f"{office.url}/put?signature={SECRETS[1]}"
    id = begun(easel, {**FOX, "webhook_url": webhook, "upload_endpoint": upload})
    job = ended(easel, id)
    until(lambda: {"delivered"} == {each["state"] for each in deliveries(easel, id)})
    asked = {row["name"]: row["asked"] for row in job["result"]["metadata"]["parameters"]}
    assert (asked["webhook_url"], asked["upload_endpoint"]) == (f"{office.url}/hook", f"{office.url}/put")
    database = sqlite3.connect(easel.app.settings.server.data_dir / "easel.db")
    [(result,)] = database.execute("SELECT result FROM jobs WHERE id = ?", (id,)).fetchall()
    database.close()
    told = {
        "job": json.dumps(job),
        "list": easel.http.get("/v1/jobs").text,
        "events": str(watched(easel, f"/v1/jobs/{id}/events")),
        "metrics": easel.http.get("/metrics").text,
        "log": "".join(capfd.readouterr()),
        "kept": result.decode(),
        "providers": json.dumps(simulators.calls()),
    }
    assert [where for where, text in told.items() if any(secret in text for secret in SECRETS)] == []


def deliveries(gateway: RunningGateway, id: str) -> list[dict[str, str]]:
    job = gateway.http.get(f"/v1/jobs/{id}").json()
    return [job["webhook"], *job["uploads"]]
