"""States as bytes: msgpack, the same bytes for the same state.

msgpack ends at 64 bits. An `ExactSum` has a form of its own; any other state with a
larger integer takes a slower way, in which such integers are an extension type.
"""

from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any, Final

import msgspec
import numpy as np

from tallymill.kernel.errors import Corrupt
from tallymill.statistics.numbers import ExactSum
from tallymill.statistics.protocol import Statistic

BIG_INTEGER: Final = 1  #: code of the msgpack extension type
LEAST, MOST = -(2**63), 2**64 - 1  #: what msgpack's integers hold

Load = Callable[[bytes], Any]


def dump_state(statistic: Statistic, state: Any) -> bytes:  # noqa: ANN401 - its State
    """Return a state as bytes.

    Raises:
        TypeError: The state holds something that is neither of msgspec's types, a
            NumPy scalar, nor an `ExactSum`.
    """
    del statistic  # a state knows its own type; the argument keeps the pair alike
    try:
        return _encoder.encode(state)
    except OverflowError:
        plain = msgspec.to_builtins(
            state, builtin_types=(bytes,), enc_hook=_outward, order="deterministic"
        )
        return _encoder.encode(_boxed(plain))


def load_state(statistic: Statistic, raw: bytes) -> Any:  # noqa: ANN401 - its State
    """Return the state that `dump_state` made the bytes of.

    Raises:
        Corrupt: The bytes are no state of this statistic.
    """
    state_type: Any = statistic.State
    try:
        return _decoder(state_type)(raw)
    except msgspec.DecodeError:
        return _load_large(statistic.name, state_type, raw)


def _load_large(name: str, state_type: type[Any], raw: bytes) -> Any:  # noqa: ANN401 - its State
    try:
        plain = msgspec.msgpack.decode(raw, ext_hook=_unboxed)
        return msgspec.convert(
            plain, state_type, builtin_types=(bytes,), dec_hook=_inward
        )
    except (msgspec.DecodeError, ValueError) as error:
        raise Corrupt(
            f"The stored state of the statistic '{name}' does not fit its State "
            f"({error}); raise its `revision` to have it folded anew."
        ) from error


@lru_cache(maxsize=1024)
def _decoder(state_type: Hashable) -> Load:
    return msgspec.msgpack.Decoder(
        state_type, dec_hook=_inward, ext_hook=_unboxed
    ).decode


def _outward(value: Any) -> Any:  # noqa: ANN401 - msgspec's hook
    if isinstance(value, ExactSum):
        return (_portable(value.whole), _portable(value.steps), value.floats)
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a {type(value).__name__} cannot be stored in a state")


def _inward(wanted: type[Any], value: Any) -> Any:  # noqa: ANN401 - msgspec's hook
    if wanted is ExactSum:
        whole, steps, floats = value
        return ExactSum(_integer(whole), _integer(steps), floats)
    if wanted is object:  # as an annotation it means any value, as `Any` does
        return value
    raise TypeError(f"a {wanted.__name__} cannot be read from a stored state")


_encoder: Final = msgspec.msgpack.Encoder(enc_hook=_outward, order="deterministic")


def _portable(value: int) -> int | bytes:
    return value if LEAST <= value <= MOST else _bytes(value)


def _integer(value: int | bytes) -> int:
    return (
        value if isinstance(value, int) else int.from_bytes(value, "big", signed=True)
    )


def _bytes(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def _boxed(value: Any) -> Any:  # noqa: ANN401 - builtin values
    if isinstance(value, int):
        fits = LEAST <= value <= MOST
        return value if fits else msgspec.msgpack.Ext(BIG_INTEGER, _bytes(value))
    if isinstance(value, list | tuple):
        return [_boxed(item) for item in value]
    if isinstance(value, dict):
        return {_boxed(key): _boxed(item) for key, item in value.items()}
    return value


def _unboxed(code: int, data: memoryview) -> Any:  # noqa: ANN401 - msgspec's hook
    if code != BIG_INTEGER:
        raise ValueError(f"unknown extension type {code}")
    return int.from_bytes(data, "big", signed=True)
