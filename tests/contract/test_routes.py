"""The application and openapi.yaml have the same routes, with the same methods and prefixes."""

from starlette.routing import Route

from tests.contract.document import DOCUMENT, METHODS
from tests.gateway.running import RunningGateway

PREFIX = "/openai"


def served(gateway: RunningGateway) -> dict[str, set[str]]:
    """Paths as the document writes them, and their methods."""
    found: dict[str, set[str]] = {}
    for route in gateway.app.router.routes:
        assert isinstance(route, Route), route
        found.setdefault(route.path.replace(":path}", "}"), set()).update(route.methods or ())
    return found


def documented() -> dict[str, set[str]]:
    """Without HEAD where it is not spelled out: every GET route answers it."""
    return {
        path: {method.upper() for method in METHODS if method in entry} for path, entry in DOCUMENT["paths"].items()
    }


def test_every_route_is_documented_and_every_documented_one_is_served(usual: RunningGateway) -> None:
    routes = served(usual)
    told = documented()
    assert {path for path in routes if not path.startswith(PREFIX)} == set(told)
    for path, methods in told.items():
        assert methods <= routes[path]
        assert routes[path] - methods <= ({"HEAD"} if "GET" in methods else set()), path


def test_the_second_server_has_the_whole_api_and_nothing_else(usual: RunningGateway) -> None:
    """Paths with servers of their own are not under the second one."""
    assert [server["url"] for server in DOCUMENT["servers"]] == ["/", PREFIX]
    below = {path.removeprefix(PREFIX) for path in served(usual) if path.startswith(PREFIX)}
    assert below == {path for path, entry in DOCUMENT["paths"].items() if "servers" not in entry}


def test_every_get_answers_head_without_a_body(usual: RunningGateway) -> None:
    for path, methods in documented().items():
        if "GET" in methods and "{" not in path:
            answer = usual.http.head(path)
            assert (answer.status_code, answer.content) == (200, b""), path


def test_keys_are_asked_for_where_the_document_says_so(usual: RunningGateway) -> None:
    for path, entry in DOCUMENT["paths"].items():
        for method in (method for method in METHODS if method in entry):
            needed = entry[method].get("security", DOCUMENT["security"]) != []
            answer = usual.http.request(method, path.replace("{", "").replace("}", ""), headers={"authorization": ""})
            assert (answer.status_code == 401) == needed, (method, path, answer.status_code)
