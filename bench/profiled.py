"""Runs `easel` under cProfile: `python -m bench.profiled FIGURES serve …` writes the figures when it is stopped.

It begins to count at the signal BEGIN, when the start is over.
"""

import cProfile
import io
import pstats
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

BEGIN = signal.SIGUSR1


def top(figures: Path, lines: int = 30) -> str:
    """As text: the functions that used most time themselves, then those that used most with all they called."""
    text = io.StringIO()
    figured = pstats.Stats(str(figures), stream=text).strip_dirs()
    figured.sort_stats("tottime").print_stats(lines)
    figured.sort_stats("cumulative").print_stats(2 * lines)
    return "\n".join(line for line in text.getvalue().splitlines() if line.strip())


def main() -> None:
    figures, *arguments = sys.argv[1:]
    sys.argv = ["easel", *arguments]
    signal.signal(signal.SIGTERM, _leave)
    from gateway.cli import main as easel  # noqa: PLC0415 - argv must be the gateway's before its modules are read

    profiler = cProfile.Profile()
    signal.signal(BEGIN, lambda _signum, _frame: profiler.enable())
    try:
        easel()
    finally:
        profiler.disable()
        profiler.dump_stats(figures)


def _leave(signum: int, frame: FrameType | None) -> NoReturn:
    """uvicorn ends by sending itself the signal again; as an exception it lets the figures be written."""
    raise SystemExit(0)


if __name__ == "__main__":
    main()
