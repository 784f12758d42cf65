"""Random identifiers: numbers for workers, words for jobs, runs and holders of leases."""

import base64
import secrets

#: From the letters of RFC 4648 to Crockford's, which have no i, l, o and u.
_LETTERS = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789abcdefghjkmnpqrstvwxyz"
)


def random_id() -> int:
    """Return a random integer in [1, 2**63 - 1]; collisions are not to be expected."""
    return secrets.randbits(63) or 1


def new_id() -> str:
    """Return 16 random letters and digits (80 bits) that nobody confuses when reading."""
    return base64.b32encode(secrets.token_bytes(10)).translate(_LETTERS).decode()
