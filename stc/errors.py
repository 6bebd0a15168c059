"""Every error that STC raises on purpose.

    StcError
    ├── FormatError              the bytes are not a usable .stc file
    │   ├── BadMagicError        not a .stc file at all
    │   ├── UnsupportedVersionError
    │   ├── TruncatedError       the file ends early
    │   ├── CorruptError         checksum, count or payload contradict each other
    │   ├── NoCodeError          a picture without a readable QR code
    │   └── SeveralCodesError    a picture of several faces' QR codes
    ├── FaceError                the picture does not show one usable face
    │   ├── NoFaceError
    │   ├── SeveralFacesError
    │   ├── FaceTooSmallError
    │   └── FaceCutError
    ├── SettingsError            settings contradict each other, or the model lacks a setting
    ├── QualityError             the file would keep less identity than `min_quality`
    ├── BudgetError              the byte limit is smaller than the smallest file
    ├── ModelError
    │   ├── ModelMissingError    the weights were not found
    │   └── WrongModelError      the weights are damaged, or not those that the file names
    ├── ImageError               not a picture, or one that cannot be read safely
    ├── MissingExtraError        a library of an optional extra is not installed
    ├── DataError                evaluation data do not have the expected form
    ├── ProtectionError          a template cannot be protected or matched
    │   ├── TemplateError        features, weights or parameters that cannot be used
    │   ├── KeyFileError         a key file that cannot be read, or would be overwritten
    │   ├── WrongKeyError        the record was made with another key
    │   └── RevokedError         the record was revoked
    └── BackendError             a backend or device that is unknown or not available here

Messages contain the numbers and state what to do next. `exit_code` is the exit status of the
command line; argparse also uses 2, for a command line that it cannot parse.
"""


class StcError(Exception):
    """Base of all errors raised by STC."""

    exit_code = 1


class FaceError(StcError):
    """The picture does not show exactly one usable face."""

    exit_code = 3


class NoFaceError(FaceError):
    """No face was found."""


class SeveralFacesError(FaceError):
    """The picture shows several faces, and none is clearly the main one."""


class FaceTooSmallError(FaceError):
    """The face has too few pixels to be encoded."""


class FaceCutError(FaceError):
    """The picture ends inside the face: brows, cheeks, mouth or chin are not in it."""


class FormatError(StcError):
    """The bytes are not a usable .stc file."""

    exit_code = 4


class BadMagicError(FormatError):
    """The data does not begin with the magic bytes of a .stc file."""


class UnsupportedVersionError(FormatError):
    """The data was written by a format version that this release does not read."""


class TruncatedError(FormatError):
    """The data ends before the header or the payload is complete."""


class CorruptError(FormatError):
    """The data contradicts itself: a checksum, a count or a coded symbol is wrong."""


class NoCodeError(FormatError):
    """No QR code can be read in the picture."""


class SeveralCodesError(FormatError):
    """The picture shows QR codes of several faces."""


class SettingsError(StcError, ValueError):
    """Settings contradict each other, are out of range, or are not supported by the model."""

    exit_code = 2


class QualityError(StcError):
    """The quality of the file would be below the setting `min_quality`."""

    exit_code = 9


class BudgetError(StcError):
    """The face cannot be encoded within the byte limit.

    smallest: the size in bytes of the face's smallest file, or None if it is not known.
    """

    exit_code = 5

    def __init__(self, message: str, smallest: int | None = None) -> None:
        super().__init__(message)
        self.smallest = smallest


class ModelError(StcError):
    """The model that is needed is missing, damaged or a different one."""

    exit_code = 6


class ModelMissingError(ModelError):
    """No weights were found for the model that is needed."""


class WrongModelError(ModelError):
    """The weights do not match the fingerprint in the file or in the model's metadata."""


class ImageError(StcError):
    """The input is not a picture that can be read."""

    exit_code = 7


class MissingExtraError(StcError, ImportError):
    """A library of an optional extra is not installed; the message names the extra."""

    exit_code = 12


class DataError(StcError, ValueError):
    """Pairs, pictures or tables for an evaluation are not in a form that can be read safely."""


class ProtectionError(StcError):
    """A template cannot be protected or matched."""

    exit_code = 8


class TemplateError(ProtectionError, ValueError):
    """Features, weights, a record id or a parameter cannot be used as they are."""


class KeyFileError(ProtectionError):
    """A key file cannot be read, or it exists and is not overwritten."""


class WrongKeyError(ProtectionError):
    """The record was made with another key."""


class RevokedError(ProtectionError):
    """The record was revoked."""


class BackendError(StcError, ValueError):
    """The requested backend or device is unknown or not available here."""

    exit_code = 12
