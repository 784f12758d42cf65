"""Random identifiers."""

import secrets


def random_id() -> int:
    """Return a random integer in [1, 2**63 - 1]; collisions are not to be expected."""
    return secrets.randbits(63) or 1
