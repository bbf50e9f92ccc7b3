"""DashScope: messages that are answered with pictures, and tasks to follow (Model Studio docs, read 2026-11-21)."""

from collections.abc import Iterable, Iterator
from typing import cast
from urllib.parse import quote

from providers.account import Account
from providers.alibaba.explain import explain, failed_task, is_blocked
from providers.amounts import MOST_UNITS, amount
from providers.base import Answer, Call, Image, Json, Progress, Ticket
from providers.errors import Kind, ProviderError
from providers.http import HttpAnswer

QUESTION_SECONDS = 60.0  # no submission of a task and no look at one takes longer; a message waits for its pictures
MESSAGES = "/services/aigc/multimodal-generation/generation"
TASKS = "/services/aigc/text2image/image-synthesis"
MESSAGE_TASKS = "/services/aigc/image-generation/generation"
ENDS = ("SUCCEEDED", "FAILED", "CANCELED")
QUEUED = ("qwen-image-3",)  # these take their messages as tasks too; the others refuse to


class Alibaba:
    """A payload with a prompt is queued, one with messages is answered at once where its model takes no tasks.

    No id of ours goes with a submission, so one whose answer was lost cannot be found again.
    """

    name = "alibaba"

    def __init__(self, account: Account) -> None:
        self.http = account.open(self.name)
        self.question_seconds = min(account.timeout, QUESTION_SECONDS)

    async def submit(self, call: Call) -> Ticket | Answer:
        """The pictures of a message, or the ticket of a task. Raises `ProviderError`, LOST when no reply came."""
        body = {"model": call.upstream, **call.payload}
        messages = "messages" in _object(call.payload.get("input"))
        if messages and not call.upstream.startswith(QUEUED):
            answer = await self.http.post(MESSAGES, json=body)
            if answer.status >= 300:
                raise explain(answer, call)
            return _pictures(answer)
        enable = {"x-dashscope-async": "enable"}
        path = MESSAGE_TASKS if messages else TASKS
        answer = await self.http.post(path, json=body, headers=enable, within=self.question_seconds)
        if answer.status >= 300:
            raise explain(answer, call)
        task_id: object = _object(answer.json_object().get("output")).get("task_id")
        if not isinstance(task_id, str) or not task_id:
            raise answer.broken("DashScope took the task without saying its id")
        path = f"/tasks/{quote(task_id, safe='')}"
        return Ticket(task_id, path, path, f"{path}/cancel")

    async def check(self, ticket: Ticket) -> Progress:
        """Where the task stands. A word that may be added one day counts as not done: only an end is final."""
        answer = await self._look(ticket)
        return Progress(done=_task(answer).get("task_status") in ENDS)

    async def result(self, ticket: Ticket, call: Call) -> Answer:
        """The pictures, or why there are none: a failed task too is told with status 200."""
        answer = await self._look(ticket)
        output = _task(answer)
        state = output.get("task_status")
        if state not in ENDS:  # this look lags behind the one that saw the end
            raise ProviderError(Kind.BUSY, "the task is not finished", provider=self.name, status=200)
        if state != "SUCCEEDED":
            raise failed_task(output, call)
        results = list(_objects(output.get("results")))
        if results and all("code" in result for result in results):
            raise failed_task(results[0], call)
        return _pictures(answer)

    async def cancel(self, ticket: Ticket) -> None:
        """Only a task that waits can be cancelled; one that is too far gets a 400, and goes on."""
        answer = await self.http.post(ticket.cancel_url, json={}, within=self.question_seconds)
        if answer.status >= 300 and answer.status != 400:
            raise explain(answer, None)

    async def close(self) -> None:
        await self.http.close()

    async def _look(self, ticket: Ticket) -> HttpAnswer:
        answer = await self.http.get(ticket.check_url, within=self.question_seconds)
        if answer.status >= 300:
            raise explain(answer, None)
        return answer


def _task(answer: HttpAnswer) -> Json:
    """What is told of a task. Raises GONE for an id that never was or is older than a day, which is told with 200."""
    output = _object(answer.json_object().get("output"))
    if output.get("task_status") == "UNKNOWN":
        told = "DashScope does not know this task any more"
        raise ProviderError(Kind.GONE, told, provider=answer.provider, status=answer.status)
    return output


def _pictures(answer: HttpAnswer) -> Answer:
    """The pictures of all choices and all their parts, or of a task's results. Failed ones are not billed, and those
    that moderation blocked come as flagged ones without content.
    """
    body = answer.json_object()
    output = _object(body.get("output"))
    messages = [_object(choice.get("message")) for choice in _objects(output.get("choices"))]
    parts = [Image(url=url) for message in messages for url in _urls(message.get("content"), "image")]
    results = [
        Image(url=result["url"], revised_prompt=_revised(result))
        for result in _objects(output.get("results"))
        if _is_url(result.get("url"))
    ]
    blocked = [Image(content=b"", flagged=True) for result in _objects(output.get("results")) if is_blocked(result)]
    images = (*parts, *results)
    if not images:
        raise answer.broken("DashScope answered without a picture")
    usage = _object(body.get("usage"))
    count: object = usage.get("image_count", usage.get("output_image_count"))
    return Answer((*images, *blocked), units=amount(count, MOST_UNITS))


def _urls(content: object, name: str) -> Iterator[str]:
    return (part[name] for part in _objects(content) if _is_url(part.get(name)))


def _is_url(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("https://", "http://"))


def _revised(result: Json) -> str | None:
    """The prompt that was drawn, where it is another than the one that was asked."""
    actual: object = result.get("actual_prompt")
    return actual if isinstance(actual, str) and actual != result.get("orig_prompt") else None


def _object(value: object) -> Json:
    return cast(Json, value) if isinstance(value, dict) else {}


def _objects(value: object) -> Iterable[Json]:
    listed = cast(list[object], value) if isinstance(value, list) else []
    return (cast(Json, item) for item in listed if isinstance(item, dict))
