"""What a training run tells the person who waits for it."""

import sys


def say(line: str) -> None:
    """A line on the terminal, at once even where the output is a file."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
