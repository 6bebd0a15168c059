"""What is kept comes back; what is broken or of another key does not."""

import numpy as np

from stc.lab.evaluation.cache import Cache, digest


def test_arrays_come_back_by_their_key(tmp_path):
    cache = Cache(tmp_path / "deep" / "cache")
    assert cache.read("a", "b") == {}
    cache.write({"x y": np.arange(3), "": np.ones((2, 2), bool)}, "a", "b")
    kept = cache.read("a", "b")
    assert kept.keys() == {"x y", ""}
    assert kept["x y"].tolist() == [0, 1, 2]
    assert kept[""].dtype == bool
    assert cache.read("ab") == cache.read("b", "a") == {}


def test_a_broken_file_is_as_good_as_none(tmp_path):
    cache = Cache(tmp_path)
    cache.write({"x": np.arange(3)}, "a")
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for data in (whole[: len(whole) // 2], b"", b"nonsense"):
        path.write_bytes(data)
        assert cache.read("a") == {}
    np.savez(path, x=np.array([{"code": 1}], object))  # a pickle inside
    assert cache.read("a") == {}


def test_a_digest_tells_where_parts_end():
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("ab") == digest(b"ab")
