"""The settings of an encoder (`Settings`), and the result of one face (`Encoded`)."""

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
GALLERY_EFFORT = 2  # for many pictures: the best result per core hour
MAX_SIZE = 4096  # pixels along a side of a decoded picture
DEFAULT_SIZE = 256  # pixels along a side, as the upscaler draws


@dataclass(frozen=True)
class Settings:
    """The settings of an encoder with their default values, checked when they are created.

    max_bytes: the size limit of the file, at most 65536; 192 if neither this nor `stages` is given.
    stages: the number of residual stages to encode, at least 1, instead of a size limit.
    align: "auto" finds and aligns the face unless it is already aligned on the canvas, "always"
        aligns in any case, "never" uses the picture as the canvas.
    face: "only" refuses a picture of several faces, "largest" selects the largest central face.
    bare: leave out the magic, the model's fingerprint and the checksum, for a carrier that names
        the model and protects its data.
    effort: 0 to 9, the amount of search for tokens whose decoded face is recognised better. 0 keeps
        the nearest tokens. The file does not get longer, and every decoder can decode it.
    min_quality: 0 to 1; QualityError instead of a file whose quality is lower. Quality is the share
        of the face's identity that the file keeps, estimated from the nearest tokens. It does not
        include the gain of a higher effort.

    numpy integers are accepted and converted to Python's. Raises SettingsError, which is also a
    ValueError, for values of another type or out of range.
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
        """Return settings, or the default settings, with some fields replaced.

        A new `stages` replaces `max_bytes`, and a new `max_bytes` replaces `stages`. Raises
        SettingsError for invalid values and for fields that do not exist.
        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(changes.keys() - known):
            raise SettingsError(f"no setting {unknown[0]!r}: there are {', '.join(sorted(known))}")
        sizes = {"max_bytes", "stages"}
        if sizes & {name for name, value in changes.items() if value is not None}:
            changes = {**dict.fromkeys(sizes), **changes}
        return replace(settings or cls(), **changes)

    def check_quality(self, quality: float, size: int) -> None:
        """Raise QualityError if a file of `size` bytes has a quality below `min_quality`."""
        if self.min_quality and not quality >= self.min_quality:
            raise QualityError(
                f"quality {quality:.4f} is below {self.min_quality:g} at {size} bytes: allow more "
                "bytes, or use a picture that is sharper or more frontal"
            )


@dataclass(frozen=True)
class Encoded:
    """The result of encoding one face: a file, or the error that prevented it."""

    data: bytes = b""  # the .stc file
    tokens: int = 0  # number of tokens in the file
    # Share of the identity that the nearest tokens keep, 0 to 1; NaN if nothing was encoded.
    quality: float = float("nan")
    error: Exception | None = None

    def __repr__(self) -> str:
        # Not the generated one, which would print all bytes of the file.
        if self.error is not None:
            return f"<Encoded: {self.error!r}>"
        return (
            f"<Encoded: {len(self.data)} bytes, {self.tokens} tokens, quality {self.quality:.4f}>"
        )

    def unwrap(self) -> Encoded:
        """Return this result, or raise its error if it has one."""
        if self.error is not None:
            raise self.error
        return self


def integer_in_range(
    name: str, value: Any, most: int | None = None, why: str = "", least: int = 1
) -> int:
    """Return `value` as a Python int if it lies from `least` to `most`; no upper limit if None.

    Accepts every integer type except bool, also numpy's. Raises SettingsError; `name` is the
    setting in its message, `why` the reason for the upper limit.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or number < least:
        raise SettingsError(f"{name} must be an integer of at least {least}, not {value!r}")
    if most is not None and number > most:
        raise SettingsError(f"{name} must be at most {most}, not {number}{why and f': {why}'}")
    return number


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise SettingsError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
