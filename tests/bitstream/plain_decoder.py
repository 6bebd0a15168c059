"""A second decoder, written from docs/format.md in plain integers; constriction plays no part."""


def decode(payload: bytes, rows: list[list[int]]) -> list[int]:
    """Symbols of a payload, given the frequencies (sum 2^16) of each."""
    position = 0

    def word() -> int:
        nonlocal position
        part = payload[position : position + 4].ljust(4, b"\0")
        position += 4
        return int.from_bytes(part, "big")

    low, span = 0, 2**64 - 1
    point = word() * 2**32 + word()
    symbols = []
    for row in rows:
        if len(row) == 1:
            symbols.append(0)
            continue
        scale = span >> 24
        q = ((point - low) % 2**64) // scale
        assert q < 2**24
        symbol, below = 0, 0
        while below + 256 * row[symbol] <= q:
            below += 256 * row[symbol]
            symbol += 1
        symbols.append(symbol)
        low = (low + scale * below) % 2**64
        span = scale * 256 * row[symbol]
        if span < 2**32:
            low, span, point = low * 2**32 % 2**64, span * 2**32, point * 2**32 % 2**64 + word()
    return symbols
