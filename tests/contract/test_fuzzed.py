"""Whatever is sent, the gateway answers as openapi.yaml says, and never with a fault of its own."""

# schemathesis' own types are generic in a parameter that no caller can name:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownParameterType=false

from collections.abc import Iterator
from typing import Any, cast

import pytest
import requests
import schemathesis
from hypothesis import settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from normalizers.parameters import MAX_SIDE, PARAMETERS
from tests.contract.document import DOCUMENT
from tests.gateway.running import ADMIN_KEY, RunningGateway

# A stream that ends when the client wishes; and what test_docs_page.py reads, which takes a second to parse each time.
ELSEWHERE = ["/v1/events", "/openapi.yaml"]
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT).exclude(path=ELSEWHERE)
MODELS = ("fal/qwen-image", "lumenfall/qwen-image", "vllm-omni/qwen-image", "gpt-image-1-mini", "fal/flux-dev")
EXAMPLES = 25  # generated ones, beside those of the document and of the limits' edges
LARGEST = 256  # pixels a side that are asked for: the pictures are really drawn
# No provider here honours these in a text-to-image request: with them nothing would ever be drawn.
NEVER_HONOURED = (
    *("webhook_url", "upload_endpoint", "image", "mask", "mask_margin", "outpaint"),
    *("scale_factor", "control_nets", "loras", "svg", "frame_count", "frame_duration_ms", "version", "scheduler"),
)
CHECKS: list[Any] = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
    checks.unsupported_method,
]


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """Connections that are kept, as an SDK's are."""
    with requests.Session() as kept:
        kept.trust_env = False
        yield kept


@SCHEMA.parametrize()  # pyright: ignore[reportUntypedFunctionDecorator]
@settings(max_examples=EXAMPLES, deadline=None)
def test_every_answer_is_documented(
    case: schemathesis.Case[Any], usual: RunningGateway, session: requests.Session
) -> None:
    case.body = reaching_a_provider(case.body)
    # An empty header is the same as none, which is no violation.
    empty = any(not value.strip() for value in (case.headers or {}).values())
    chosen = CHECKS if empty else [*CHECKS, checks.negative_data_rejection]
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    case.call_and_validate(base_url=usual.url, session=session, headers=headers, checks=chosen)


def reaching_a_provider(body: Any) -> Any:
    """Most bodies ask for what a provider here draws, and none for pictures that take long to draw."""
    if not isinstance(body, dict):
        return body  # pyright: ignore[reportUnknownVariableType]
    fields = dict(cast("dict[str, Any]", body))
    model, size = fields.get("model"), fields.get("size")
    if isinstance(model, str) and model.strip() and (model == "sketch" or len(model) % 4):
        fields["model"] = MODELS[len(model) % len(MODELS)]
        for name in NEVER_HONOURED:
            if name in fields and PARAMETERS[name].check(fields[name]) is None:
                del fields[name]
    if isinstance(size, dict):
        sides = cast("dict[str, Any]", size).items()
        fields["size"] = {side: smaller(pixels) for side, pixels in sides}
    return fields


def smaller(pixels: Any) -> Any:
    """A legal side stays legal, and an illegal one illegal."""
    legal = isinstance(pixels, int) and not isinstance(pixels, bool) and 0 < pixels <= MAX_SIDE
    return pixels % LARGEST or LARGEST if legal else pixels
