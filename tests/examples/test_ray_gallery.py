"""The example with two real workers of a local Ray: pytest -m ray."""

import importlib.util
import io
import tarfile

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import stc

# Warnings of Ray are not errors of this project.
pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("default")]


def picture(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((128, 128), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def ray_gallery():
    ray = pytest.importorskip("ray")
    spec = importlib.util.spec_from_file_location("ray_gallery", "examples/ray_gallery.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False)
    yield module
    ray.shutdown()


def read(folder):
    return {row["key"]: row for path in folder.glob("*.parquet") for row in rows(path)}


def rows(path):
    return pq.read_table(path).to_pylist()


def check(found, good, broken):
    assert found.keys() == good | broken
    for key in good:
        assert found[key]["error"] == ""
        assert found[key]["bytes"] == len(found[key]["stc"]) <= 64
        assert stc.decode(found[key]["stc"]).size == (256, 256)
    for key in broken:
        assert (found[key]["error"], found[key]["stc"]) == ("ImageError", b"")


def test_tar_files(ray_gallery, tmp_path, capsys):
    for shard in range(2):
        with tarfile.open(tmp_path / f"{shard}.tar", "w") as tar:
            for n in range(20):
                data = picture(100 * shard + n) if n else b"broken"
                for ending, content in (("json", b"{}"), ("png", data)):
                    entry = tarfile.TarInfo(f"{shard}-{n}.{ending}")
                    entry.size = len(content)
                    tar.addfile(entry, io.BytesIO(content))
    out = tmp_path / "faces"
    words = [str(tmp_path), "-o", str(out), "--tar", "--align", "never", "--max-bytes", "64"]
    assert ray_gallery.main([*words, "--workers", "2"]) == 0
    good = {f"{shard}-{n}" for shard in range(2) for n in range(1, 20)}
    check(read(out), good, {"0-0", "1-0"})
    assert "40 pictures, 2 of them with an error" in capsys.readouterr().out


def test_files(ray_gallery, tmp_path):
    for n in range(3):
        (tmp_path / f"{n}.png").write_bytes(picture(n) if n else b"")
    out = tmp_path / "faces"
    words = [str(tmp_path), "-o", str(out), "--align", "never", "--max-bytes", "64"]
    assert ray_gallery.main([*words, "--workers", "2"]) == 0
    places = {n: str(tmp_path / f"{n}.png") for n in range(3)}
    check(read(out), {places[1], places[2]}, {places[0]})
