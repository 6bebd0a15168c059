"""cvt: conversion between number types. bfloat16 is represented by its bits, uint16."""

from __future__ import annotations

import numpy as np

from tests.kernels.triton.emulator.registers import TYPES


def from_bfloat16(bits):
    """Convert bfloat16 bits to float32, exactly."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def to_bfloat16(numbers):
    """Float32 rounded to the nearest, ties to even; every NaN becomes the same one."""
    bits = numbers.view(np.uint32)
    even = (bits >> np.uint32(16)) & np.uint32(1)
    rounded = (bits + np.uint32(0x7FFF) + even) >> np.uint32(16)
    return np.where(np.isnan(numbers), 0x7FFF, rounded).astype(np.uint16)


def to_bfloat16_pair(upper, lower):
    """Convert two float32 to bfloat16, packed into 32 bits."""
    return to_bfloat16(upper).astype(np.uint32) << np.uint32(16) | to_bfloat16(lower)


def to_tensor_float32(numbers):
    """Float32 rounded to the 10 bits of tf32, ties away from zero: the bits."""
    bits = numbers.view(np.uint32)
    rounded = (bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000)
    return np.where(np.isfinite(numbers), rounded, bits)


def _cast(kind):
    return lambda a: a.astype(TYPES[kind])


INTEGERS = ("u16", "s16", "u32", "s32", "u64", "s64")

CONVERSIONS = {
    "cvt.f32.bf16 d:f32, a:bf16": from_bfloat16,
    "cvt.rn.bf16.f32 d:bf16, a:f32": to_bfloat16,
    "cvt.rn.bf16x2.f32 d:b32, a:f32, b:f32": to_bfloat16_pair,
    "cvt.rna.tf32.f32 d:b32, a:f32": to_tensor_float32,
    "cvt.f32.f16 d:f32, a:f16": _cast("f32"),
    "cvt.rn.f16.f32 d:f16, a:f32": _cast("f16"),
    "cvt.rn.f32.s32 d:f32, a:s32": _cast("f32"),
    "cvt.rn.f32.u32 d:f32, a:u32": _cast("f32"),
}
# Between integers: cut off, or filled up with zeros or, of a signed source, its sign.
CONVERSIONS |= {
    f"cvt.{to}.{source} d:{to}, a:{source}": _cast(to)
    for to in INTEGERS
    for source in INTEGERS
    if to != source
}
