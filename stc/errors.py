"""Every error that STC raises on purpose.

    StcError
    ├── FormatError              the bytes are not a usable .stc file
    │   ├── BadMagicError        not an .stc file at all
    │   ├── UnsupportedVersionError
    │   ├── TruncatedError       the file ends early
    │   ├── CorruptError         checksum, count or payload contradict each other
    │   ├── NoCodeError          a picture without a readable QR code
    │   └── SeveralCodesError    a picture of several faces' QR codes
    ├── FaceError                the picture does not show one usable face
    │   ├── NoFaceError
    │   ├── SeveralFacesError
    │   └── FaceTooSmallError
    ├── SettingsError            settings that contradict each other or that no model has
    ├── QualityError             less of the face is kept than was asked for
    ├── BudgetError              the byte limit is smaller than the smallest file
    ├── ModelError
    │   ├── ModelMissingError    no weights where they were looked for
    │   └── WrongModelError      the weights at hand are not the ones the file names
    ├── ImageError               not a picture, or one that cannot be read safely
    ├── MissingExtraError        a library of one of the extras is not installed
    ├── DataError                evaluation data of another form than it should have
    ├── ProtectionError          a template cannot be protected or matched
    │   ├── TemplateError        features, weights or parameters that cannot be used
    │   ├── KeyFileError         a key file that cannot be read, or would be overwritten
    │   ├── WrongKeyError        the record was made with another key
    │   └── RevokedError         the record was revoked
    └── BackendError             a search backend that is unknown or cannot serve here

Messages hold the numbers and say what to do next. `exit_code` is what the command line
returns; 2 is also argparse's own code for a command that was typed wrongly.
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
    """More than one face could be meant."""


class FaceTooSmallError(FaceError):
    """The face has too few pixels to be worth coding."""


class FormatError(StcError):
    """The bytes are not a usable .stc file."""

    exit_code = 4


class BadMagicError(FormatError):
    """The data does not begin like an .stc file."""


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
    """Settings contradict each other, are out of range, or name what the model does not have."""

    exit_code = 2


class QualityError(StcError):
    """The file would keep less of the face than was asked for."""

    exit_code = 9


class BudgetError(StcError):
    """The face cannot be coded in so few bytes; `smallest` is what it would take, if known."""

    exit_code = 5

    def __init__(self, message: str, smallest: int | None = None) -> None:
        super().__init__(message)
        self.smallest = smallest


class ModelError(StcError):
    """The model that is needed is not the model at hand."""

    exit_code = 6


class ModelMissingError(ModelError):
    """No weights were found for the model that is needed."""


class WrongModelError(ModelError):
    """The weights do not match the fingerprint that the file, or their own metadata, names."""


class ImageError(StcError):
    """The input is not a picture that can be read."""

    exit_code = 7


class MissingExtraError(StcError, ImportError):
    """A library that only one of the extras installs is missing; the message names the extra."""

    exit_code = 12


class DataError(StcError, ValueError):
    """Pairs, pictures or tables for an evaluation are not in a form that can be read safely."""


class ProtectionError(StcError):
    """A template cannot be protected or matched."""

    exit_code = 8


class TemplateError(ProtectionError, ValueError):
    """Features, weights, a record id or a parameter cannot be used as they are."""


class KeyFileError(ProtectionError):
    """A key file cannot be read, or is there already and is not overwritten."""


class WrongKeyError(ProtectionError):
    """The record was made with another key."""


class RevokedError(ProtectionError):
    """The record was revoked."""


class BackendError(StcError, ValueError):
    """The search backend that was asked for is unknown or cannot serve here."""

    exit_code = 12
