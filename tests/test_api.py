"""Decoding through `stc.decode`: the size of the picture."""

import numpy as np
import pytest

import stc
from stc.settings import MAX_SIZE


@pytest.mark.parametrize("size", [0, -1, MAX_SIZE + 1, 10**6, 2.5, True])
def test_a_size_out_of_range_is_refused_before_anything_is_decoded(size, monkeypatch):
    monkeypatch.setattr("stc.api.codec_of", None)
    with pytest.raises(stc.SettingsError, match=r"size must be (at most 4096|a whole number)"):
        stc.decode(b"", size=size)


def test_sizes_of_any_integer_type(face_file):
    assert stc.decode(face_file, size=np.uint8(200)).size == (200, 200)
    assert stc.decode(face_file, size=1).size == (1, 1)
