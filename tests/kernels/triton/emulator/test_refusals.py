"""Errors that the emulator raises: unknown instructions, and mistakes of kernels."""

import pytest
import torch

from tests.kernels.triton.emulator import AccessError, launch_ptx, machine
from tests.kernels.triton.emulator.handwritten import ptx, run


@pytest.mark.parametrize(
    "line",
    [
        "fma.rm.f32 %r2, %r3, %r4, %r5",
        "fma.rn.ftz.f32 %r2, %r3, %r4, %r5",
        "add.rz.f32 %r2, %r3, %r4",
        "add.sat.s32 %r2, %r3, %r4",
        "min.xorsign.abs.f32 %r2, %r3, %r4",
        "cvt.rz.bf16.f32 %rs1, %r2",
        "cvt.rn.relu.bf16x2.f32 %r2, %r3, %r4",
        "setp.lt.and.s32 %p1, %r2, %r3, %p2",
        "setp.lt.b32 %p1, %r2, %r3",
        "ld.volatile.global.b32 %r2, [%rd1]",
        "ld.global.L1::evict_last.b32 %r2, [%rd1]",
        "ld.local.b32 %r2, [%rd1]",
        "ld.global.v2.b32 %r2, [%rd1]",
        "st.global.wt.b32 [%rd1], %r2",
        "atom.global.add.u32 %r2, [%rd1], %r3",
        "cp.async.cg.shared.global.L2::128B [%r2], [%rd1], 16",
        "cp.async.cg.shared.global [0], [%rd1], 4",
        "cp.async.wait_all",
        "bar.sync 1",
        "bar.sync 0, 64",
        "shfl.sync.up.b32 %r2, %r3, 1, 0, -1",
        "shfl.sync.bfly.b32 %r2, %r3, 1, 15, -1",
        "shfl.sync.bfly.b32 %r2|%p1, %r3, 1, 31, -1",
        "ldmatrix.sync.aligned.m8n8.x4.shared.b8 {%r2, %r3, %r4, %r5}, [%r6]",
        "mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 "
        "{%r2, %r3, %r4, %r5}, {%r2, %r3, %r4, %r5}, {%r2, %r3}, {%r2, %r3, %r4, %r5}",
        "mma.sync.aligned.m16n8k16.row.col.f32.e4m3.e4m3.f32 "
        "{%r2, %r3, %r4, %r5}, {%r2, %r3, %r4, %r5}, {%r2, %r3}, {%r2, %r3, %r4, %r5}",
        "mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 {%r2, %r3}, {%r2, %r3, %r4, %r5}, "
        "{%r2, %r3}, {%r2, %r3}",
        "mov.u32 %r2, %laneid",
        "mov.b32 %r2, %rd1",
        "mov.b32 %r2, 0x100000000",
        "add.f32 %r2, %r3, 1",
        "add.s32 %r2, %r3, -%r4",
        "@%p1.x mov.b32 %r2, 1",
        "bra nowhere",
        "{ mov.b32 %r2, 1",
        ".local .b8 stack[4]",
    ],
)
def test_unknown_forms_are_refused(line):
    with pytest.raises(NotImplementedError, match=r"line \d+: ") as refused:
        run(line + ";", torch.zeros(32, dtype=torch.int32))
    assert line in str(refused.value)


def test_lines_that_are_no_statements_are_refused():
    with pytest.raises(NotImplementedError, match=r"line \d+: nonsense"):
        run("nonsense\n", torch.zeros(32))


def test_more_than_one_kernel_is_refused():
    text = ptx("")
    for other in (text + text, ".func (.param .b32 x) f();" + text, text.replace("32\n", "16\n")):
        with pytest.raises(NotImplementedError):
            launch_ptx(other, [torch.zeros(32)], (1,))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("ld.global.b32 %r2, [%rd1+128];", "4 bytes at 128 of p0, which has 128"),
        ("ld.global.v2.b32 {%r2, %r3}, [%rd0];", "does not divide by 8"),
        ("ld.global.b32 %r2, [%rd1+-4];", "4 bytes at .*, before all"),
        ("st.global.b32 [%rd0+4], %r1;", "4 bytes at 128 of p0"),
        ("ld.global.b8 %rs1, [%rd9];", "1 bytes at -1, before all"),
        ("st.shared.b64 [global_smem+4092], %rd1;", "does not divide by 8"),
        ("st.shared.b32 [global_smem+4096], %r1;", "4 bytes at 4096 of the 4096 bytes"),
        ("mov.b32 %r2, -4; ld.shared.b32 %r3, [%r2];", "of the 4096 bytes"),
        ("cp.async.cg.shared.global [global_smem], [%rd1+120], 16;", "does not divide by 16"),
        ("cp.async.cg.shared.global [global_smem], [%rd1+128], 16;", "16 bytes at 128 of p0"),
    ],
)
def test_wrong_addresses_raise(body, message):
    out = torch.zeros(32, dtype=torch.int32)
    with pytest.raises(AccessError, match=message + r".*, line \d+: "):
        run(body, out)
    assert out.eq(0).all()


def test_lanes_that_disagree_are_found_on_request():
    out = torch.zeros(1, dtype=torch.int32)
    run("st.global.b32 [%rd1], 3; st.shared.b32 [global_smem], 3;", out, deterministic=True)
    for address in ("global.b32 [%rd1]", "shared.b32 [global_smem]"):
        run(f"st.{address}, %r1;", out)
        with pytest.raises(AccessError, match="different values"):
            run(f"st.{address}, %r1;", out, deterministic=True)


def test_lanes_that_miss_each_other_are_found(monkeypatch):
    out = torch.zeros(64, dtype=torch.int32)
    parted = "setp.lt.u32 %p1, %r1, {}; @%p1 bra over; {}; \nover:\n bar.sync 0;"
    run(parted.format(32, "shfl.sync.bfly.b32 %r2, %r1, 1, 31, -1"), out, threads=64)
    with pytest.raises(RuntimeError, match="warp are missing"):
        run(parted.format(8, "shfl.sync.bfly.b32 %r2, %r1, 1, 31, -1"), out, threads=64)
    with pytest.raises(RuntimeError, match="less than a warp"):
        run("redux.sync.add.s32 %r2, %r1, 15;", out)
    with pytest.raises(RuntimeError, match="miss the barrier"):
        run(parted.format(32, "bar.sync 0"), out, threads=64)
    monkeypatch.setattr(machine, "STEPS", 1000)
    with pytest.raises(RuntimeError, match="no end"):
        run("\nloop:\n bra loop;", out)
