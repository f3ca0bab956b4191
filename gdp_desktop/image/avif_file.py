"""What an AVIF file says of its pixels that Pillow does not tell."""

import struct

_HIGH_BIT_DEPTH, _TWELVE_BITS = 0x40, 0x20
# Of ITU-T H.273, table 3: PQ and HLG, made for screens brighter than white.
HDR_TRANSFERS = (16, 18)


def bits_of_avif(data: bytes) -> int:
    """Bits per channel: 8, 10 or 12."""
    # av1C (AV1 in ISOBMFF, 2.3): a version, a profile and level, then a byte of flags.
    flags = _behind(b"av1C", data)[2:3]
    if not flags or not flags[0] & _HIGH_BIT_DEPTH:
        return 8
    return 12 if flags[0] & _TWELVE_BITS else 10


def transfer_of_avif(data: bytes) -> int | None:
    """The number of the curve that its values follow (H.273, table 3), if it is told by one."""
    # colr, nclx: the primaries and the transfer curve, two bytes each.
    told = _behind(b"colrnclx", data)[2:4]
    return int.from_bytes(told) if told else None


def _behind(name: bytes, data: bytes) -> bytes:
    """The first bytes behind the first box of this name; none where there is no such box."""
    _, found, rest = _description(data).partition(name)
    return rest[:8] if found else b""


def _description(data: bytes) -> bytes:
    """The box "meta", which lies before the pixels or behind them."""
    position = 0
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        if kind == b"meta":
            return data[position : position + length]
        if length < 8:  # reaches to the end of the file, or is longer than any photo
            break
        position += length
    return b""
