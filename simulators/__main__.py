"""`python -m simulators --port 0 [--host H] [--faults F]`: the simulators alone."""

import argparse
import sys
from pathlib import Path

from simulators.faults import BadFaults
from simulators.running import run


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m simulators", description="Strict stand-ins for every provider.")
    parser.add_argument("--port", type=int, default=0, help="0 (the default) picks a free one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--faults", type=Path, help="a JSON list of {provider, on, times, effect, …}")
    asked = parser.parse_args()
    try:
        run(asked.port, asked.host, asked.faults)
    except (BadFaults, OSError) as wrong:
        sys.exit(f"simulators: {wrong}")
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
