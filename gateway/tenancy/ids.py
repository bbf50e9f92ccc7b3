"""Ids of teams and keys: they grow with time, as those of requests do, and cannot be guessed."""

import secrets
import time
from typing import Literal


def make_id(kind: Literal["team", "key"]) -> str:
    """`team_0198f3b2c4d5a1b2c3d4e5f6`."""
    return f"{kind}_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(6)}"
