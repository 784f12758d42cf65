"""`Content-Encoding`: gzip and zstd, never decompressed beyond the limit.

A bomb costs no more than its first `limit` bytes; what is cut off, corrupt, or made of
more pieces than any honest sender writes is refused.
"""

import zlib
from collections.abc import Callable, Iterator
from typing import Final, Literal, Protocol

import zstandard

from tallymill.kernel.errors import Malformed, TooLarge, UnsupportedMedia
from tallymill.web.asgi import Scope, header_values

Encoding = Literal["gzip", "zstd"]
Bytes = bytes | bytearray

_NAMES: Final[dict[bytes, Encoding]] = {
    b"gzip": "gzip",
    b"x-gzip": "gzip",
    b"zstd": "zstd",
}
#: Concatenated members or frames; each costs a decoder, whatever is in it.
_MEMBERS_MOST: Final = 10_000
_GZIP_WBITS: Final = 31
#: Fed to the decoder at once: it gives out all of it, and a byte of gzip can say 1 KiB,
#: four of zstd 128 KiB.
_STEP_BYTES: Final[dict[Encoding, int]] = {"gzip": 4096, "zstd": 512}
#: What RFC 8878 asks every decoder to support, and no more.
_ZSTD_WINDOW: Final = 8 * 1024 * 1024


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def encoding_of(scope: Scope) -> Encoding | None:
    """Return how a body is compressed; None if it is not.

    Raises:
        UnsupportedMedia: In a way, or in several, that are not taken.
    """
    names = [
        name
        for value in header_values(scope, b"content-encoding")
        for name in value.lower().replace(b" ", b"").split(b",")
        if name not in {b"", b"identity"}
    ]
    if not names:
        return None
    found = _NAMES.get(names[0])
    if found is None or len(names) > 1:
        said = b", ".join(names)[:80].decode("latin-1")
        raise UnsupportedMedia(
            f"The Content-Encoding {said!r} is not taken; send gzip, zstd, or none."
        )
    return found


def decompress(body: Bytes, encoding: Encoding, limit_bytes: int) -> bytearray:
    """Return a body decompressed; all members or frames, one after another.

    Args:
        body: As it was sent.
        encoding: How it is compressed.
        limit_bytes: What it may hold decompressed.

    Raises:
        Malformed: It is cut off or corrupt, or bytes follow its end.
        TooLarge: It holds more than the limit.
    """
    pieces = _pieces(body, encoding)
    plain = bytearray()
    try:
        for piece in pieces:
            plain += piece
            if len(plain) > limit_bytes:
                raise TooLarge(
                    f"The body is larger than {limit_bytes} bytes once decompressed, "
                    "which is the limit. Send it in parts."
                )
    except (zlib.error, zstandard.ZstdError) as exc:
        raise Malformed(f"The body is no valid {encoding}: {exc}.") from exc
    return plain


def _pieces(body: Bytes, encoding: Encoding) -> Iterator[bytes]:
    view = memoryview(body)
    step = _STEP_BYTES[encoding]
    begin = _beginner(encoding)
    decoder: _Decoder | None = None
    at, members, rest = 0, 0, b""
    while rest or at < len(view):
        if not rest:
            rest = bytes(view[at : at + step])
            at += len(rest)
        if decoder is None:
            decoder = begin()
            members += 1
            if members > _MEMBERS_MOST:
                raise TooLarge(
                    f"The body has more than {_MEMBERS_MOST} {encoding} members; "
                    "compress it as one."
                )
        yield decoder.decompress(rest)
        rest = decoder.unused_data
        if decoder.eof:
            decoder = None
    if decoder is not None or not members:
        raise Malformed(f"The body is cut off: its {encoding} does not end.")


def _beginner(encoding: Encoding) -> Callable[[], _Decoder]:
    if encoding == "gzip":
        return lambda: zlib.decompressobj(_GZIP_WBITS)
    return zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj
