"""Log lines: one JSON object each, and none with what an exception quotes."""

import logging
import sys
from typing import Any

import orjson
import structlog

from gateway.logs import Formatter, trace, without_details

PROMPT = "sesame prompt"


def failed() -> Exception:
    """An exception that quotes a prompt, and whose cause does too."""
    try:
        try:
            raise KeyError(PROMPT)
        except KeyError as cause:
            raise ValueError(f"cannot draw {PROMPT}") from cause
    except ValueError as error:
        return error


def test_of_an_exception_only_types_and_places_are_told() -> None:
    told = trace(failed())
    assert told[0] == "ValueError"
    assert "KeyError" in told
    assert any(place.startswith("tests/gateway/test_logs.py:") and place.endswith(" failed") for place in told)
    assert PROMPT not in str(told)


def test_an_exception_that_is_its_own_cause_ends() -> None:
    first, second = ValueError(), KeyError()
    first.__cause__, second.__cause__ = second, first
    assert trace(first) == ["ValueError", "KeyError"]


def test_every_form_of_exc_info_is_understood() -> None:
    error = failed()
    try:
        raise error
    except ValueError:
        forms: list[Any] = [error, True, sys.exc_info()]
        told = [without_details(None, "error", {"event": "fault", "exc_info": form}) for form in forms]
    assert all(set(event) == {"event", "trace"} and event["trace"][0] == "ValueError" for event in told)
    assert without_details(None, "error", {"event": "fault", "exc_info": None}) == {"event": "fault"}


def test_what_a_library_logs_is_json_without_its_quotes() -> None:
    formatter = Formatter([without_details], structlog.processors.JSONRenderer(orjson.dumps))
    error = failed()
    record = logging.LogRecord(
        "asyncio",
        logging.ERROR,
        __file__,
        1,
        "Task exception was never retrieved\nfuture: %s",
        (PROMPT,),
        (type(error), error, error.__traceback__),
    )
    line = formatter.format(record)
    assert "\n" not in line
    assert PROMPT not in line
    told = orjson.loads(line)
    assert (told["event"], told["logger"]) == ("Task exception was never retrieved", "asyncio")
    assert told["trace"][0] == "ValueError"
