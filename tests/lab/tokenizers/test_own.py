"""The example of docs/tokenizers.md works as it stands."""

import contextlib
import io
import re
from pathlib import Path

import torch

from stc.lab.tokenizers import BaseTokenizer


def test_the_documented_example_runs():
    torch.manual_seed(0)
    (code,) = re.findall(r"```python\n(.*?)```", Path("docs/tokenizers.md").read_text(), re.DOTALL)
    names, output = {}, io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(code, "docs/tokenizers.md", "exec"), names)  # noqa: S102 - our own page
    assert isinstance(names["own"], BaseTokenizer)
    lines = output.getvalue().splitlines()
    assert [line.split(", ")[0] for line in lines] == [
        "global: 64 bits",
        "token-specific: 64 bits",
        "switchable: 66 bits",
        "switchable-token-specific: 66 bits",
    ]
    one, own, several, several_own = (float(line.split(", ")[1][:-3]) for line in lines)
    assert one < several < own < several_own
