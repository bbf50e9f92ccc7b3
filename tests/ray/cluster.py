"""A Ray on this machine alone, with what a Serve config says, until SIGINT: run by the Python that has Ray.

`python cluster.py SERVE_CONFIG SCRATCH_FOLDER`; the folder's name has to be short, since sockets lie in it.
"""

import sys

import ray
from ray.serve.scripts import run


def main(config: str, scratch: str) -> None:
    ray.init(
        namespace="serve",
        num_cpus=4,
        object_store_memory=100 * 2**20,
        include_dashboard=False,
        log_to_driver=False,
        _temp_dir=scratch,
    )
    run.main([config], standalone_mode=False)  # what `serve run CONFIG` does


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
