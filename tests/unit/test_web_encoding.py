"""Decompression stops at its limit, whatever a body claims to be."""

import gzip
import time
import zlib

import pytest
import zstandard

from tallymill.kernel.errors import Malformed, TooLarge, UnsupportedMedia
from tallymill.web.encoding import decompress, encoding_of

LIMIT = 16 * 1024 * 1024
PACK = {
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
}


def scope(*values):
    return {"headers": [(b"content-encoding", value) for value in values]}


@pytest.mark.parametrize("encoding", PACK)
@pytest.mark.parametrize("plain", [b"", b"x", b"[1,2]" * 100_000])
def test_what_was_compressed_comes_back(encoding, plain):
    assert decompress(PACK[encoding](plain), encoding, LIMIT) == plain


@pytest.mark.parametrize("encoding", PACK)
def test_members_one_after_another_are_one_body(encoding):
    """Log shippers concatenate: RFC 1952, 2.2, and RFC 8878, 3.1, both allow it."""
    pack = PACK[encoding]
    body = b"".join(pack(piece) for piece in (b"[1", b"," * 9000, b"2]"))

    assert decompress(body, encoding, LIMIT) == b"[1" + b"," * 9000 + b"2]"


@pytest.mark.parametrize("encoding", PACK)
@pytest.mark.parametrize("kept", [0, 1, 9, -9, -1])
def test_a_body_that_is_cut_off_is_refused(encoding, kept):
    body = PACK[encoding](bytes(range(256)) * 50)

    with pytest.raises(Malformed):
        decompress(body[:kept], encoding, LIMIT)


@pytest.mark.parametrize("encoding", PACK)
@pytest.mark.parametrize("change", ["front", "middle", "after"])
def test_a_corrupt_body_is_refused(encoding, change):
    body = bytearray(PACK[encoding](b"".join(b"%d," % n for n in range(5000))))
    if change == "after":
        body += b"and more"
    else:
        at = 0 if change == "front" else len(body) // 2
        body[at : at + 16] = bytes(byte ^ 0x5A for byte in body[at : at + 16])

    with pytest.raises(Malformed):
        decompress(bytes(body), encoding, LIMIT)


@pytest.mark.parametrize("encoding", PACK)
def test_the_limit_is_for_what_comes_out(encoding):
    body = PACK[encoding](b"x" * 1001)

    assert len(decompress(body, encoding, 1001)) == 1001
    with pytest.raises(TooLarge, match="1000 bytes once decompressed"):
        decompress(body, encoding, 1000)


@pytest.mark.parametrize("encoding", PACK)
def test_a_bomb_costs_no_more_than_its_first_bytes(encoding):
    """Work ends at the limit, so that what a bomb would go on to say costs nothing."""
    bomb = _bomb(encoding)
    began = time.process_time()

    with pytest.raises(TooLarge):
        decompress(bomb, encoding, LIMIT)

    assert time.process_time() - began < 0.1


@pytest.mark.parametrize("encoding", PACK)
def test_a_body_of_countless_empty_members_is_refused(encoding):
    body = PACK[encoding](b"") * 10_001

    with pytest.raises(TooLarge, match="members"):
        decompress(body, encoding, LIMIT)


def test_a_window_beyond_8_mib_is_refused():
    """RFC 8878 lets a frame ask its reader for gigabytes of memory."""
    parameters = zstandard.ZstdCompressionParameters(window_log=27)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    body = packer.compress(b"x" * 1000) + packer.flush()

    with pytest.raises(Malformed, match="zstd"):
        decompress(body, "zstd", LIMIT)


@pytest.mark.parametrize("value", [b"gzip", b"GZIP", b"x-gzip", b"identity, gzip"])
def test_gzip_is_known_by_all_of_its_names(value):
    assert encoding_of(scope(value)) == "gzip"


@pytest.mark.parametrize("values", [[], [b""], [b"identity"]])
def test_a_body_that_is_not_compressed_is_taken_as_it_is(values):
    assert encoding_of(scope(*values)) is None


@pytest.mark.parametrize("values", [[b"br"], [b"gzip, gzip"], [b"gzip", b"zstd"]])
def test_other_encodings_are_refused_and_those_taken_named(values):
    with pytest.raises(UnsupportedMedia, match="send gzip, zstd, or none"):
        encoding_of(scope(*values))


def _bomb(encoding):
    mebibyte = bytes(1024 * 1024)
    if encoding == "gzip":
        packer = zlib.compressobj(1, wbits=31)
    else:
        packer = zstandard.ZstdCompressor().compressobj()
    pieces = [packer.compress(mebibyte) for _ in range(64)]
    return b"".join([*pieces, packer.flush()])
