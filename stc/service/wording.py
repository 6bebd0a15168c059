"""Advice in messages of the codec, which names command-line options, in terms of the service."""

from __future__ import annotations

import re
from typing import get_args

from stc.settings import Align, Choice

_VALUES = "|".join((*get_args(Align), *get_args(Choice)))
_OPTION = re.compile(rf"--(align|face) ({_VALUES})\b")


def in_parameters(message: str) -> str:
    """A message with options of the command line as parameters of a request.

    >>> in_parameters("try --align never")
    'try align=never'
    """
    return _OPTION.sub(r"\1=\2", message)
