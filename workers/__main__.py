"""`python -m workers --engine sketch --port 0`: a worker without the gateway's command line."""

import argparse
import sys

from workers.run import ENGINES, run


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="workers", description="A worker that draws pictures behind a gateway.")
    parser.add_argument("--engine", choices=sorted(ENGINES), default="sketch")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--waiting", type=int, default=16, help="how many jobs may stand in line")
    parser.add_argument("--follow-parent", action="store_true", help="end when the process that started it does")
    given = parser.parse_args()
    return run(given.engine, given.host, given.port, follow_parent=given.follow_parent, waiting=given.waiting)


if __name__ == "__main__":
    sys.exit(main())
