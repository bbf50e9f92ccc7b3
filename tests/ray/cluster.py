"""A Ray on this machine alone, with what a Serve config says, until SIGINT: run by the Python that has Ray.

`python cluster.py SERVE_CONFIG SCRATCH_FOLDER`; the folder's name has to be short, since sockets lie in it.
"""

import sys

import ray
from ray.serve.scripts import run

STARTS = 3  # Ray gives its processes 30 seconds to find each other, which a busy machine does not always keep


def main(config: str, scratch: str) -> None:
    for left in reversed(range(STARTS)):
        try:
            start(scratch)
            break
        except Exception:
            ray.shutdown()
            if not left:
                raise
    run.main([config], standalone_mode=False)  # what `serve run CONFIG` does


def start(scratch: str) -> None:
    ray.init(
        namespace="serve",
        num_cpus=4,
        object_store_memory=100 * 2**20,
        include_dashboard=False,
        log_to_driver=False,
        _temp_dir=scratch,
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
