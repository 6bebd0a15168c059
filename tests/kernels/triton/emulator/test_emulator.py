"""The emulator on PTX written by hand; nothing here needs Triton."""

import math

import pytest
import torch

from tests.kernels.triton.emulator import launch_ptx
from tests.kernels.triton.emulator.handwritten import POISON, bits, ptx, run

TIE = 1 + 2**-12
NAN = float("nan")


@pytest.mark.parametrize(
    ("form", "inputs", "expected"),
    [
        ("add.s32", (2**31 - 1, 1), -(2**31)),
        ("div.s32", (-7, 2), -3),
        ("rem.s32", (-7, 2), -1),
        ("div.u32", (-1, 2), 2**31 - 1),
        ("mul.hi.s32", (-5, 2**30), -2),
        ("mul.hi.u32", (-1, -1), -2),
        ("min.s32", (-1, 1), -1),
        ("min.u32", (-1, 1), 1),
        ("shl.b32", (3, 31), -(2**31)),
        ("shl.b32", (3, 32), 0),
        ("shr.s32", (-8, 1), -4),
        ("shr.s32", (-8, 40), -1),
        ("shr.u32", (-8, 40), 0),
        ("bfe.u32", (0x12345678, 8, 12), 0x456),
        ("bfe.s32", (0x0000F000, 8, 8), -16),
        ("bfe.s32", (-(2**31), 28, 20), -8),
        ("bfe.u32", (-1, 4, 0), 0),
        ("bfe.u32", (-1, 0, 32), -1),
        ("prmt.b32", (0x03020100, 0x07060504, 0x7531), 0x07050301),
        ("prmt.b32", (0x00008000, 0, 0x8991), 0x00FFFF80),  # 8 more spreads the sign
        ("fma.rn.f32", (TIE, TIE, -(1 + 2**-11)), 2.0**-24),  # two roundings would give 0
        ("min.f32", (0.0, -0.0), -0.0),
        ("min.f32", (-0.0, 0.0), -0.0),
        ("max.f32", (0.0, -0.0), 0.0),
        ("max.f32", (-0.0, 0.0), 0.0),
        ("min.f32", (NAN, 2.0), 2.0),
        ("max.f32", (2.0, 3.0, 1.0), 3.0),
        ("cvt.rna.tf32.f32", (1 + 2**-11,), 1 + 2.0**-10),
        ("cvt.rn.bf16x2.f32", (1.0, -2.0), 0x3F80C000),
        ("cvt.rn.bf16x2.f32", (1 + 2**-8, 1 + 3 * 2**-8), 0x3F803F82),  # ties go to even
        ("cvt.rn.bf16x2.f32", (NAN, math.inf), 0x7FFF7F80),
        ("cvt.rn.f32.u32", (-1,), 2.0**32),
    ],
)
def test_arithmetic(form, inputs, expected):
    numbers = torch.tensor(bits(*inputs), dtype=torch.int32)
    body = "".join(f"ld.global.b32 %r{i + 2}, [%rd1+{4 * i}];" for i in range(len(inputs)))
    operands = ", ".join(f"%r{i + 2}" for i in range(len(inputs)))
    out = torch.zeros(32, dtype=torch.int32)
    run(f"{body} {form} %r9, {operands}; mad.wide.u32 %rd3, %r1, 4, %rd2;"
        "st.global.b32 [%rd3], %r9;", numbers, out)  # fmt: skip
    assert out.tolist() == bits(expected) * 32


@pytest.mark.parametrize(
    ("name", "expected"), [("lt", 0), ("ne", 0), ("neu", 1), ("geu", 1), ("num", 0), ("nan", 1)]
)
def test_comparisons_with_nan(name, expected):
    out = torch.zeros(32, dtype=torch.int32)
    run(f"setp.{name}.f32 %p1, 0f3F800000, 0f7FC00000; selp.b32 %r2, 1, 0, %p1;"
        "st.global.b32 [%rd0], %r2;", out)  # fmt: skip
    assert out.tolist() == [expected] * 32


def test_numbers_change_their_width():
    out = torch.zeros(8, dtype=torch.int64)
    run("ld.param.s32 %rd2, [p1]; st.global.b64 [%rd1], %rd2;"
        "ld.param.b32 %r2, [p1]; cvt.u64.u32 %rd3, %r2; st.global.b64 [%rd1+8], %rd3;"
        "mov.b64 %rd4, {%r2, 7}; add.f32x2 %rd5, %rd4, %rd4; st.global.b64 [%rd1+16], %rd4;"
        "mov.b64 {%r3, %r4}, %rd4; st.global.v2.b32 [%rd1+24], {%r4, %r3};"
        "ld.global.s8 %rs1, [%rd1]; st.global.b16 [%rd1+32], %rs1;"
        "ld.global.u8 %rs1, [%rd1]; st.global.b16 [%rd1+40], %rs1;"
        "mov.b64 %rd6, {0f3F800000, 0fC0000000}; fma.rn.f32x2 %rd7, %rd6, %rd6, %rd6;"
        "st.global.b64 [%rd1+48], %rd7;", out, -2)  # fmt: skip
    assert out[:6].tolist() == [-2, 2**32 - 2, (8 << 32) - 2, 7 - (2 << 32), 0xFFFE, 0xFE]
    assert out[6:7].view(torch.float32).tolist() == [2.0, 2.0]


def test_lanes_part_and_meet_again():
    """Collatz: every lane takes another way for another time."""
    out = torch.zeros(32, dtype=torch.int32)
    run("add.s32 %r2, %r1, 1; mov.b32 %r3, 0;"
        "\nloop:\n setp.eq.b32 %p1, %r2, 1; @%p1 bra done; add.s32 %r3, %r3, 1;"
        "and.b32 %r4, %r2, 1; setp.ne.b32 %p2, %r4, 0; @!%p2 bra even;"
        "mad.lo.s32 %r2, %r2, 3, 1; bra.uni loop;"
        "\neven:\n shr.u32 %r2, %r2, 1; bra loop;"
        "\ndone:\n bar.sync 0; redux.sync.max.s32 %r5, %r3, -1; setp.lt.s32 %p3, %r1, 31;"
        "@!%p3 st.global.b32 [%rd0], %r5; @%p3 st.global.b32 [%rd0], %r3;", out)  # fmt: skip

    def steps(n):
        return 0 if n == 1 else 1 + steps(3 * n + 1 if n % 2 else n // 2)

    expected = [steps(n) for n in range(1, 33)]
    assert out.tolist() == [*expected[:31], max(expected)]


def test_what_was_never_written_is_poison():
    out = torch.zeros(4, 32, dtype=torch.int32)
    run("st.global.b32 [%rd0], %r7; setp.lt.s32 %p1, %r1, 5; @%p1 mov.b32 %r8, 1;"
        "st.global.b32 [%rd0+128], %r8; ld.shared.b32 %r9, [global_smem+64];"
        "st.global.b32 [%rd0+256], %r9; add.f32 %r10, %r7, 0f3F800000;"
        "st.global.b32 [%rd0+384], %r10;", out)  # fmt: skip
    assert out[0].tolist() == out[2].tolist() == [POISON] * 32
    assert out[1].tolist() == [1] * 5 + [POISON] * 27
    assert out[3].view(torch.float32).isnan().all()
    with pytest.raises(RuntimeError, match=r"%p5 .* line \d+: selp"):
        run("selp.b32 %r2, 1, 2, %p5;", out)


def test_copies_arrive_when_they_are_waited_for():
    """Two groups; half of the lanes ask for zeros; a barrier alone brings nothing."""
    source, out = torch.arange(128, dtype=torch.int32), torch.zeros(6, 32, dtype=torch.int32)

    def keep(offset, row):
        return f"ld.shared.b32 %r9, [%r4+{offset}]; st.global.b32 [%rd4+{128 * row}], %r9;"

    run("mad.wide.u32 %rd4, %r1, 4, %rd2; mad.wide.u32 %rd3, %r1, 16, %rd1;"
        "mov.b32 %r2, global_smem; shl.b32 %r3, %r1, 4; add.s32 %r3, %r3, %r2;"
        "shl.b32 %r4, %r1, 2; st.shared.b32 [%r4], 5; bar.sync 0;"
        "setp.lt.s32 %p1, %r1, 16; selp.b32 %r5, 16, 0, %p1;"
        + keep(0, 0)
        + "cp.async.cg.shared.global [%r3], [%rd3], 0x10, %r5; cp.async.commit_group;"
        "cp.async.ca.shared.global [%r4+1024], [%rd0], 0x4; cp.async.commit_group; bar.sync 0;"
        + keep(0, 1)
        + "cp.async.wait_group 1; bar.sync 0;"
        + keep(0, 2) + keep(256, 3) + keep(1024, 4)
        + "cp.async.wait_group 0;" + keep(1024, 5), source, out)  # fmt: skip
    numbers, poison = list(range(32)), [POISON] * 32
    assert out.tolist() == [[5] * 32, poison, numbers, [0] * 32, poison, numbers]


def test_a_shuffle_sums_a_warp():
    out = torch.zeros(64, dtype=torch.int32)
    steps = "".join(
        f"shfl.sync.bfly.b32 %r3, %r2, {n}, 31, -1; add.s32 %r2, %r2, %r3;"
        for n in (16, 8, 4, 2, 1)
    )
    run(f"mov.b32 %r2, %r1; {steps} st.global.b32 [%rd0], %r2;", out, threads=64)
    assert out.tolist() == [sum(range(32))] * 32 + [sum(range(32, 64))] * 32


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_tensor_cores_multiply(dtype):
    """A [16, 16] and B [16, 8] come from shared memory through ldmatrix, C is 1 and 0.5."""
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(16, 16, generator=generator).to(dtype)
    b = torch.randn(16, 8, generator=generator).to(dtype)
    d = torch.zeros(16, 8)
    kind = {torch.bfloat16: "bf16", torch.float16: "f16"}[dtype]
    run("mad.wide.u32 %rd4, %r1, 16, %rd1; ld.global.v4.b32 {%r2, %r3, %r4, %r5}, [%rd4];"
        "shl.b32 %r6, %r1, 4; st.shared.v4.b32 [%r6], {%r2, %r3, %r4, %r5};"
        "mad.wide.u32 %rd5, %r1, 8, %rd2; ld.global.v2.b32 {%r2, %r3}, [%rd5];"
        "shl.b32 %r7, %r1, 3; st.shared.v2.b32 [%r7+512], {%r2, %r3}; bar.sync 0;"
        # Row l % 16 of A, from its half l / 16; row l of B, transposed on the way.
        "and.b32 %r8, %r1, 15; shl.b32 %r8, %r8, 5; and.b32 %r9, %r1, 16; add.s32 %r8, %r8, %r9;"
        "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r10, %r11, %r12, %r13}, [%r8];"
        "ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%r14, %r15}, [%r6+512];"
        f"mma.sync.aligned.m16n8k16.row.col.f32.{kind}.{kind}.f32 {{%r16, %r17, %r18, %r19}},"
        "{%r10, %r11, %r12, %r13}, {%r14, %r15}, {0f3F800000, 0f3F800000, 0f3F000000, 0f3F000000};"
        # Lane l holds numbers 2 (l % 4) and the next of rows l / 4 and l / 4 + 8.
        "mad.wide.u32 %rd6, %r1, 8, %rd3; st.global.v2.b32 [%rd6], {%r16, %r17};"
        "st.global.v2.b32 [%rd6+256], {%r18, %r19};", a, b, d)  # fmt: skip
    c = torch.tensor([1.0, 0.5]).repeat_interleave(8)[:, None]
    torch.testing.assert_close(d, (a.double() @ b.double() + c).float(), rtol=0, atol=0)


def test_guarded_lanes_touch_nothing():
    out = torch.zeros(5, dtype=torch.int32)
    run("setp.lt.s32 %p1, %r1, 5; @%p1 st.global.b32 [%rd0], %r1;", out)
    assert out.tolist() == list(range(5))


def test_blocks_have_their_places_and_own_shared_memory():
    out = torch.zeros(3, 2, 32, dtype=torch.int32)
    body = (
        "mov.u32 %r2, %ctaid.x; mov.u32 %r3, %ctaid.y; mov.u32 %r4, %nctaid.y;"
        "mad.lo.s32 %r5, %r2, %r4, %r3; mad.wide.u32 %rd0, %r5, 128, %rd0;"
        "shl.b32 %r6, %r1, 2; ld.shared.b32 %r7, [%r6]; st.shared.b32 [%r6], %r5;"
        "add.s32 %r7, %r7, 1; ld.shared.b32 %r8, [%r6]; add.s32 %r8, %r8, %r7;"
        "st.global.b32 [%rd0], %r8;"
    )
    launch_ptx(ptx(body), [out], (3, 2), 128)
    assert out[..., 0].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert (out == out[..., :1]).all()
