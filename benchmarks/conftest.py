"""Prints tables after the benchmarks: times of commands, faces, galleries and searches."""

import platform
from importlib import metadata
from importlib.util import find_spec

collect_ignore = [] if find_spec("torch") else ["bench_search.py"]  # it compares with torch


def pytest_terminal_summary(terminalreporter, config):
    session = getattr(config, "_benchmarksession", None)
    benchmarks = session.benchmarks if session else []
    commands = [b for b in benchmarks if "command" in b.extra_info]
    if commands:
        terminalreporter.section("commands")
        terminalreporter.write_line(f"{machine()}; medians")
    for b in commands:
        name, peak = b.extra_info["command"], b.extra_info["peak_megabytes"]
        terminalreporter.write_line(f"{name:34}{b.stats.median:8.3f} s{peak:6} MB at most")
    faces = [b for b in benchmarks if "face" in b.extra_info]
    if faces:
        terminalreporter.section("faces")
        terminalreporter.write_line(f"{machine()}, 1 thread; medians")
    for b in faces:
        each = b.stats.median / b.extra_info["faces"]
        terminalreporter.write_line(f"{b.extra_info['face']:34}{each * 1e3:9.3f} ms a face")
    galleries = [b for b in benchmarks if {"gallery", "stages"} & set(b.extra_info)]
    if galleries:
        gallery_table(terminalreporter, galleries)
    timed = [b for b in benchmarks if "contender" in b.extra_info]
    if timed:
        search_table(terminalreporter, timed)


def gallery_table(terminalreporter, galleries):
    write = terminalreporter.write_line
    terminalreporter.section("gallery")
    write(f"{machine()}, 1 thread")
    write(f"{'':44}{'ms a face':>10}{'faces/s':>9}{'core hours for 10^8':>21}")
    for b in galleries:
        if "gallery" in b.extra_info:
            each = b.stats.min / b.extra_info["faces"]
            hours = each * 1e8 / 3600
            write(f"{b.extra_info['gallery']:44}{each * 1e3:10.2f}{1 / each:9.1f}{hours:21,.0f}")
    for b in galleries:
        for name, seconds in b.extra_info.get("spent", {}).items():
            write(f"  {name:42}{seconds / b.extra_info['stages'] * 1e3:10.2f}")


def search_table(terminalreporter, timed):
    best = {}
    for b in timed:
        info = b.extra_info
        best[info.get("case"), info["threads"], info["contender"]] = (b.stats.min, info)
    write = terminalreporter.write_line
    terminalreporter.section("search")
    write(machine())
    for threads in sorted({key[1] for key in best}):
        sgemm, copy = best.get((None, threads, "sgemm")), best.get((None, threads, "copy"))
        if sgemm:
            write(f"{threads} thread(s): sgemm {sgemm[1]['flop'] / sgemm[0] / 1e9:.1f} GFLOP/s")
        if copy:
            write(f"{threads} thread(s): copy {copy[1]['bytes'] / copy[0] / 1e9:.1f} GB/s")
    write(
        f"{'case':5}{'threads':8}{'':25}{'ms':>9}{'GFLOP/s':>9}{'GB/s':>7}{'ratio':>8}{'sgemm':>7}"
    )
    for (case, threads, contender), (seconds, info) in sorted(
        (item for item in best.items() if item[0][0]), key=lambda item: (*item[0][:2], item[1][0])
    ):
        ours, sgemm = best.get((case, threads, "native")), best.get((None, threads, "sgemm"))
        ratio = f"{seconds / ours[0]:.1f}x" if ours else ""
        rate = info["flop"] / seconds
        share = f"{rate * sgemm[0] / sgemm[1]['flop']:.0%}" if sgemm else ""
        write(
            f"{case:5}{threads:<8}{contender:25}{seconds * 1e3:9.3f}{rate / 1e9:9.1f}"
            f"{info['bytes'] / seconds / 1e9:7.1f}{ratio:>8}{share:>7}"
        )


def machine():
    """The processor, and the versions of Python and of the libraries that compute."""
    words = [processor(), f"Python {platform.python_version()}"]
    for name in ("numpy", "onnxruntime", "torch"):
        try:
            words.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            words.append(f"no {name}")
    return ", ".join(words)


def processor():
    """The name of the processor, where the system states it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
