"""How a face is encoded (`Settings`), and what became of it (`Encoded`)."""

from __future__ import annotations

import operator
from dataclasses import dataclass, fields, replace
from numbers import Real
from typing import Any, Literal, get_args

from stc.bitstream import MAX_BYTES
from stc.errors import QualityError, SettingsError

Align = Literal["auto", "always", "never"]
Choice = Literal["only", "largest"]

DEFAULT_BYTES = 192
MAX_EFFORT = 9
DEFAULT_EFFORT = 5
GALLERY_EFFORT = 2  # of many pictures at once: the most for an hour of a core
MAX_SIZE = 4096  # pixels along a side of a decoded picture
DEFAULT_SIZE = 256  # of these: what the upscaler draws


@dataclass(frozen=True)
class Settings:
    """The settings of an encoder, checked once; every default of STC stands here.

    max_bytes: the file is never larger; 192 if neither this nor `stages` is given, 65536 at most.
    stages: encode this many residual stages of the model instead, from 1, whatever their size.
    align: "auto" finds and aligns the face unless it already sits on the canvas, "always" does so
        in any case, "never" takes the picture for the canvas.
    face: "only" refuses a picture of several faces, "largest" takes the largest central one.
    bare: leave out the magic, the model and the checksum, for a carrier that protects its data.
    effort: 0 to 9, how long to look for tokens that the decoded face is recognised by; 0 takes the
        nearest ones. Files get no longer, and any decoder draws them.
    min_quality: 0 to 1; make no file that keeps less of the face's identity than this share. It is
        foretold from the nearest tokens, whatever the effort, which makes up for some of the rest.

    Integers may be numpy's; they are kept as Python's. Raises SettingsError, which is a ValueError
    too, for values of another type or out of range.
    """

    max_bytes: int | None = None
    stages: int | None = None
    align: Align = "auto"
    face: Choice = "only"
    bare: bool = False
    min_quality: float = 0.0
    effort: int = DEFAULT_EFFORT

    def __post_init__(self) -> None:
        if self.max_bytes is not None and self.stages is not None:
            raise SettingsError("give max_bytes or stages, not both")
        if self.max_bytes is None and self.stages is None:
            object.__setattr__(self, "max_bytes", DEFAULT_BYTES)
        if self.max_bytes is not None:
            size = integer_in_range("max_bytes", self.max_bytes, MAX_BYTES, "no file is longer")
            object.__setattr__(self, "max_bytes", size)
        if self.stages is not None:
            object.__setattr__(self, "stages", integer_in_range("stages", self.stages))
        _check_choice("align", self.align, get_args(Align))
        _check_choice("face", self.face, get_args(Choice))
        if not isinstance(self.bare, bool):
            raise SettingsError(f"bare must be True or False, not {self.bare!r}")
        given = self.min_quality
        if not isinstance(given, Real) or isinstance(given, bool) or not 0 <= given <= 1:
            raise SettingsError(f"min_quality must be from 0 to 1, not {self.min_quality!r}")
        effort = integer_in_range("effort", self.effort, MAX_EFFORT, least=0)
        object.__setattr__(self, "effort", effort)

    @classmethod
    def of(cls, settings: Settings | None = None, **changes: Any) -> Settings:
        """Settings, or the default ones, with some fields replaced.

        A new `stages` replaces `max_bytes` and the other way round. Raises SettingsError, also for
        a field that there is not.
        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(changes.keys() - known):
            raise SettingsError(f"no setting {unknown[0]!r}: there are {', '.join(sorted(known))}")
        sizes = {"max_bytes", "stages"}
        if sizes & {name for name, value in changes.items() if value is not None}:
            changes = {**dict.fromkeys(sizes), **changes}
        return replace(settings or cls(), **changes)

    def check_quality(self, quality: float, size: int) -> None:
        """Raise QualityError if a file of `size` bytes keeps less than `min_quality`."""
        if self.min_quality and not quality >= self.min_quality:
            raise QualityError(
                f"quality {quality:.4f} is below {self.min_quality:g} at {size} bytes: allow more "
                "bytes, or use a picture that is sharper or more frontal"
            )


@dataclass(frozen=True)
class Encoded:
    """What became of one face: a file, or the error that kept it from being made."""

    data: bytes = b""  # the .stc file
    tokens: int = 0  # how many it holds
    # Share of the identity that the nearest tokens keep, 0 to 1; NaN if nothing was coded.
    quality: float = float("nan")
    error: Exception | None = None

    def unwrap(self) -> Encoded:
        """This result itself, or raise its error."""
        if self.error is not None:
            raise self.error
        return self


def integer_in_range(
    name: str, value: Any, most: int | None = None, why: str = "", least: int = 1
) -> int:
    """`value` as a Python int from `least` to `most`, if that is given.

    Takes every type of integer, numpy's too, but bool. Raises SettingsError, in which `name` is the
    setting and `why` the reason for the upper limit.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or number < least:
        raise SettingsError(f"{name} must be a whole number of at least {least}, not {value!r}")
    if most is not None and number > most:
        raise SettingsError(f"{name} must be at most {most}, not {number}{why and f': {why}'}")
    return number


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise SettingsError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
