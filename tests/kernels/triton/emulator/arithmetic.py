"""Instructions that compute one register from others, lane by lane.

FUNCTIONS maps forms to functions on arrays [lanes]. (a|b) stands for several forms; an operand
has the type that ends the opcode unless it names its own after a colon.
"""

from __future__ import annotations

import numpy as np

from tests.kernels.triton.emulator.conversion import CONVERSIONS


def fused(a, b, c):
    """a * b + c of float32: the product is exact in float64.

    The sum is rounded to float64 and then to float32, so a result may fall to the other side of
    a tie between two float32 when it is within 2^-53 of it. One rounding has no such cases.
    """
    return (a.astype(np.float64) * b.astype(np.float64) + c.astype(np.float64)).astype(np.float32)


def least(a, b):
    """The lesser float32; a NaN is ignored, and -0 is less than 0."""
    either = (a.view(np.uint32) | b.view(np.uint32)).view(np.float32)
    return np.where(a == b, either, np.fmin(a, b))


def greatest(a, b):
    """The greater float32; a NaN is ignored, and 0 is greater than -0."""
    both = (a.view(np.uint32) & b.view(np.uint32)).view(np.float32)
    return np.where(a == b, both, np.fmax(a, b))


def or_nan(function):
    """The function, but the result is NaN if an argument is NaN."""
    return lambda a, b: np.where(np.isnan(a) | np.isnan(b), np.float32(np.nan), function(a, b))


def twice(function):
    """The function of two numbers extended to three."""
    return lambda a, b, c: function(function(a, b), c)


def _wide(dtype):
    return lambda a, b: a.astype(dtype) * b.astype(dtype)


def _high(dtype):
    return lambda a, b: (a.astype(dtype) * b.astype(dtype) >> dtype(32)).astype(a.dtype)


def _wide_add(dtype):
    return lambda a, b, c: a.astype(dtype) * b.astype(dtype) + c


def quotient(a, b):
    """The quotient rounded towards zero; poison for b = 0, which PTX leaves undefined."""
    return np.where(b == 0, ~np.zeros_like(a), (a - np.fmod(a, b)) // b)


def remainder(a, b):
    """The remainder with the sign of a; poison for b = 0."""
    return np.where(b == 0, ~np.zeros_like(a), np.fmod(a, b))


def left(a, n):
    """Shift left, filling with zeros; n may be any number."""
    width = 8 * a.dtype.itemsize
    return np.where(n < width, a << np.minimum(n, width - 1).astype(a.dtype), a.dtype.type(0))


def right(a, n):
    """Shift right, filling with zeros or the sign of a signed number; n may be any number."""
    width = 8 * a.dtype.itemsize
    shifted = a >> np.minimum(n, width - 1).astype(a.dtype)
    if a.dtype.kind == "i":
        return shifted
    return np.where(n < width, shifted, a.dtype.type(0))


def extract(a, position, length):
    """A field of bits of a 32-bit number, with its sign if the number has one."""
    wide = a.astype(np.int64 if a.dtype.kind == "i" else np.uint64)
    shifted = wide >> np.minimum(position & 255, 63).astype(wide.dtype)
    over = (64 - np.minimum(length & 255, 32)).astype(wide.dtype)
    over = np.minimum(over, 63)
    return np.where(length & 255, shifted << over >> over, 0).astype(a.dtype)


def permute(a, b, selection):
    """Four bytes of a (0 to 3) and b (4 to 7), one for each digit; 8 more spreads its sign."""
    both = a.astype(np.uint64) | b.astype(np.uint64) << np.uint64(32)
    result = np.zeros_like(a)
    for place in range(4):
        digit = selection >> np.uint32(4 * place)
        byte = both >> (8 * (digit & 7)).astype(np.uint64) & np.uint64(255)
        sign = np.where(byte & np.uint64(128), np.uint64(255), np.uint64(0))
        byte = np.where(digit & np.uint32(8), sign, byte)
        result |= byte.astype(np.uint32) << np.uint32(8 * place)
    return result


def choose(a, b, p):
    """a where p, else b."""
    return np.where(p, a, b)


INTEGER = "(u16|s16|u32|s32|u64|s64)"
UNTYPED = "(b16|b32|b64)"

FUNCTIONS = {
    f"add.{INTEGER} d, a, b": np.add,
    f"sub.{INTEGER} d, a, b": np.subtract,
    f"mul.lo.{INTEGER} d, a, b": np.multiply,
    f"mad.lo.{INTEGER} d, a, b, c": lambda a, b, c: a * b + c,
    "mul.wide.s32 d:s64, a, b": _wide(np.int64),
    "mul.wide.u32 d:u64, a, b": _wide(np.uint64),
    "mul.hi.s32 d, a, b": _high(np.int64),
    "mul.hi.u32 d, a, b": _high(np.uint64),
    "mad.wide.s32 d:s64, a, b, c:s64": _wide_add(np.int64),
    "mad.wide.u32 d:u64, a, b, c:u64": _wide_add(np.uint64),
    "div.(u32|s32|u64|s64) d, a, b": quotient,
    "rem.(u32|s32|u64|s64) d, a, b": remainder,
    f"min.{INTEGER} d, a, b": np.minimum,
    f"max.{INTEGER} d, a, b": np.maximum,
    "neg.(s16|s32|s64) d, a": np.negative,
    "abs.(s16|s32|s64) d, a": np.absolute,
    "(add|add.rn).(f32|f32x2) d, a, b": np.add,
    "(sub|sub.rn).(f32|f32x2) d, a, b": np.subtract,
    "(mul|mul.rn).(f32|f32x2) d, a, b": np.multiply,
    "fma.rn.(f32|f32x2) d, a, b, c": fused,
    "neg.f32 d, a": np.negative,
    "abs.f32 d, a": np.absolute,
    "min.f32 d, a, b": least,
    "max.f32 d, a, b": greatest,
    "min.NaN.f32 d, a, b": or_nan(least),
    "max.NaN.f32 d, a, b": or_nan(greatest),
    "min.f32 d, a, b, c": twice(least),
    "max.f32 d, a, b, c": twice(greatest),
    "and.(pred|b16|b32|b64) d, a, b": np.bitwise_and,
    "or.(pred|b16|b32|b64) d, a, b": np.bitwise_or,
    "xor.(pred|b16|b32|b64) d, a, b": np.bitwise_xor,
    "not.(pred|b16|b32|b64) d, a": np.invert,
    f"shl.{UNTYPED} d, a, n:u32": left,
    f"shr.({INTEGER}|{UNTYPED}) d, a, n:u32": right,
    "prmt.b32 d, a, b, selection:u32": permute,
    "bfe.(u32|s32) d, a, position:u32, length:u32": extract,
    f"selp.({INTEGER}|{UNTYPED}|f32) d, a, b, p:pred": choose,
    f"mov.({INTEGER}|{UNTYPED}|f32|pred) d, a": lambda a: a,
}

ANY = f"({INTEGER}|{UNTYPED})"
FUNCTIONS |= {
    f"setp.eq.{ANY} p:pred, a, b": np.equal,
    f"setp.ne.{ANY} p:pred, a, b": np.not_equal,
    "setp.num.f32 p:pred, a, b": lambda a, b: ~(np.isnan(a) | np.isnan(b)),
    "setp.nan.f32 p:pred, a, b": lambda a, b: np.isnan(a) | np.isnan(b),
}


def _ordered(compare):
    """False where either is NaN; of numpy's comparisons `not_equal` alone would not be."""
    return lambda a, b: compare(a, b) & ~(np.isnan(a) | np.isnan(b))


def _unordered(compare):
    return lambda a, b: compare(a, b) | np.isnan(a) | np.isnan(b)


_COMPARISONS = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}
for _name, _compare in _COMPARISONS.items():
    if _name not in ("eq", "ne"):
        FUNCTIONS[f"setp.{_name}.{INTEGER} p:pred, a, b"] = _compare
    FUNCTIONS[f"setp.{_name}.f32 p:pred, a, b"] = _ordered(_compare)
    FUNCTIONS[f"setp.{_name}u.f32 p:pred, a, b"] = _unordered(_compare)

FUNCTIONS |= CONVERSIONS
