"""These tests need the `worker` extra; without it there is nothing to test."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("torch") and find_spec("diffusers") else ["test_*.py"]
