"""Small ICC profiles, version 2.1, made from their parameters."""

import struct

# Columns of the matrices to XYZ (D50) of the primaries.
SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7139))
DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
PROPHOTO = ((0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249))
WHITE = (0.9642, 1.0, 0.8249)


def rgb(primaries: tuple, gamma: float) -> bytes:
    """An RGB profile with a matrix and a gamma."""
    names = (b"rXYZ", b"gXYZ", b"bXYZ")
    tags = [(name, _xyz(column)) for name, column in zip(names, primaries, strict=True)]
    tags += [(name, _curve(gamma)) for name in (b"rTRC", b"gTRC", b"bTRC")]
    return _profile(b"RGB ", b"XYZ ", b"mntr", tags)


def grey(gamma: float) -> bytes:
    """A grey profile with a gamma."""
    return _profile(b"GRAY", b"XYZ ", b"mntr", [(b"kTRC", _curve(gamma))])


def cmyk_of_a_press_that_prints_red_for_cyan() -> bytes:
    """A CMYK profile in which the first ink is red, and the others have no effect."""
    paper, red = (255, 128, 128), (138, 209, 195)  # Lab in 8 bits
    corners = [paper] * 8 + [red] * 8  # the last ink varies fastest
    grid = b"".join(bytes(one) for one in corners)
    ends = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0))
    table += struct.pack(">9i", *(65536 * one for one in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    table += 4 * ends + grid + 3 * ends
    return _profile(b"CMYK", b"Lab ", b"prtr", [(b"A2B0", table)])


def _profile(space: bytes, connection: bytes, kind: bytes, tags: list) -> bytes:
    text = b"test\0"
    named = [(b"desc", b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78))]
    named += [(b"cprt", b"text\0\0\0\0" + text), (b"wtpt", _xyz(WHITE)), *tags]
    directory, bodies = struct.pack(">I", len(named)), b""
    for name, body in named:
        place = 132 + 12 * len(named) + len(bodies)
        directory += name + struct.pack(">II", place, len(body))
        bodies += body + bytes(-len(body) % 4)
    size = 128 + len(directory) + len(bodies)
    header = struct.pack(">I4sI4s4s4s", size, b"\0\0\0\0", 0x02100000, kind, space, connection)
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += b"".join(struct.pack(">i", round(65536 * one)) for one in WHITE)
    return header.ljust(128, b"\0") + directory + bodies


def _xyz(values: tuple) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(65536 * one) for one in values))


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(256 * gamma)) + b"\0\0"
