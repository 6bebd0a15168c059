/**
 * The errors of a decoder, named and arranged as in stc/errors.py:
 *
 *     StcError
 *     ├── FormatError              the bytes are not a usable .stc file
 *     │   ├── BadMagicError        not an .stc file at all
 *     │   ├── UnsupportedVersionError
 *     │   ├── TruncatedError       the file ends early
 *     │   └── CorruptError         checksum, count or payload contradict each other
 *     ├── ModelError               the model cannot be used
 *     │   ├── ModelMissingError    the model at hand was cut, and lacks levels that the file needs
 *     │   └── WrongModelError      the file needs another model, or the model file is damaged
 *     └── BackendError             this machine cannot run the decoder
 *
 * `name` is set by hand: bundlers rename classes.
 */
export class StcError extends Error {
  override name = "StcError";
}

export class FormatError extends StcError {
  override name = "FormatError";
}

export class BadMagicError extends FormatError {
  override name = "BadMagicError";
}

export class UnsupportedVersionError extends FormatError {
  override name = "UnsupportedVersionError";
}

export class TruncatedError extends FormatError {
  override name = "TruncatedError";
}

export class CorruptError extends FormatError {
  override name = "CorruptError";
}

export class ModelError extends StcError {
  override name = "ModelError";
}

export class ModelMissingError extends ModelError {
  override name = "ModelMissingError";
}

export class WrongModelError extends ModelError {
  override name = "WrongModelError";
}

export class BackendError extends StcError {
  override name = "BackendError";
}
