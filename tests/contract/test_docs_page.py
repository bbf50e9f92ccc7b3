"""The page under /docs: from this host alone, packed, and remembered by the client."""

import gzip
import re

import httpx
import pytest

from tests.contract.document import FILE
from tests.gateway.running import RunningGateway

BUNDLE = "/docs/scalar.js"


def test_the_document_is_served_as_it_is_written(usual: RunningGateway) -> None:
    assert usual.http.get("/openapi.yaml").content == FILE.read_bytes()


def test_the_page_names_no_other_host_and_runs_no_inline_script(usual: RunningGateway) -> None:
    page = usual.http.get("/docs").text
    assert re.findall(r'(?:src|href)="([^"]+)"', page) == ["data:,", "openapi.yaml", "docs/scalar.js", "docs/page.js"]
    assert re.findall(r"<script[^>]*>\s*[^<\s]", page) == []
    assert "//" not in re.sub(r"^//.*$", "", usual.http.get("/docs/page.js").text, flags=re.MULTILINE)


@pytest.mark.parametrize("path", ["/docs", "/docs/page.js", BUNDLE, "/openapi.yaml"])
def test_the_policy_forbids_other_hosts(usual: RunningGateway, path: str) -> None:
    policy = dict(part.split(" ", 1) for part in usual.http.get(path).headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert {source for sources in policy.values() for source in sources.split()} <= {
        *("'none'", "'self'", "'unsafe-inline'", "data:", "blob:")
    }


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5, br", True),
        ("*", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip; q=0.0, *", False),
    ],
)
def test_the_bundle_is_packed_for_clients_that_take_it(usual: RunningGateway, accepted: str, packed: bool) -> None:
    request = usual.http.build_request("GET", BUNDLE, headers={"accept-encoding": accepted})
    answer = usual.http.send(request, stream=True)
    content = b"".join(answer.iter_raw())
    answer.close()
    assert answer.headers.get("content-encoding") == ("gzip" if packed else None)
    assert answer.headers["vary"] == "accept-encoding"
    assert b"@scalar/api-reference" in (gzip.decompress(content) if packed else content)[:1000]


@pytest.mark.parametrize("path", ["/docs", BUNDLE, "/openapi.yaml"])
def test_what_the_client_has_is_not_sent_again(usual: RunningGateway, path: str) -> None:
    etag = usual.http.get(path).headers["etag"]
    again = usual.http.get(path, headers={"if-none-match": f'"other", {etag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert usual.http.get(path, headers={"if-none-match": '"other"'}).status_code == 200


@pytest.mark.parametrize("path", ["/docs/", "/docs/LICENCES.txt", "/docs/..%2Fdocs.py", "/docs/page.html"])
def test_nothing_else_is_served(usual: RunningGateway, path: str) -> None:
    answer = httpx.get(usual.url + path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"
