"""The ids of events as a team sees them. In the database they count up over all teams: who saw that could tell how
busy the others are, so each team gets them in a cipher of its own. Pure.
"""

import base64
import hmac
import re
from collections.abc import Sequence
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

SEQ_BYTES, BLOCK_BYTES = 8, 16
BEGINNING = "0"  # before every event
ID = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)


def id_of(seq: int, team: str, keys: Sequence[bytes]) -> str:
    """Under the first key, and the same at every gateway that has it."""
    block = seq.to_bytes(BLOCK_BYTES, "big")
    return base64.urlsafe_b64encode(cipher(team, keys[0]).encryptor().update(block)).rstrip(b"=").decode()


def seq_of(id: str, team: str, keys: Sequence[bytes]) -> int | None:
    """Under any of the keys; None for what was never an id of this team's."""
    if id == BEGINNING:
        return 0
    if not ID.fullmatch(id):
        return None
    block = base64.urlsafe_b64decode(id + "==")
    for key in keys:
        plain = cipher(team, key).decryptor().update(block)
        if not any(plain[:SEQ_BYTES]):  # 64 bits that nobody guesses
            seq = int.from_bytes(plain, "big")
            return seq if seq < 2**63 and id_of(seq, team, [key]) == id else None
    return None


@lru_cache(maxsize=1024)
def cipher(team: str, key: bytes) -> Cipher[ECB]:
    """Of a single block, which is the case in which this mode hides all there is."""
    own = hmac.digest(key, b"easel event\0" + team.encode(), "sha256")
    return Cipher(AES(own), ECB())  # noqa: S305 - one block, and each of them another number
