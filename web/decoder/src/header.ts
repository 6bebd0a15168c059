/** The frame of a .stc file, around its payload: conformance/format.md, with reasons. */

import { hex } from "./bytes.js";
import { BadMagicError, CorruptError, TruncatedError, UnsupportedVersionError } from "./errors.js";

export const VERSION = 1;
export const MEDIA_TYPE = "application/vnd.stc-face";
const MAGIC = 0xfac;
const FIXED = 6; // bytes of magic and version, model, checksum

/** What a file says before its tokens are decoded. */
export interface Header {
  version: number;
  /** The first two bytes of the model's fingerprint, in hexadecimal; null in a bare file. */
  fingerprint: string | null;
  tokens: number;
  payload: Uint8Array;
  /** The two bytes of the checksum, in hexadecimal; null in a bare file. */
  checksum: string | null;
}

/** Whether data begins like a .stc file of any version; a bare file never does. */
export function hasHeader(data: Uint8Array): boolean {
  return data.length >= 2 && ((data[0] << 8) | data[1]) >> 4 === MAGIC;
}

/** Checks all that can be checked without the model. Throws FormatError. */
export function parseHeader(data: Uint8Array, bare = false): Header {
  if (bare) return { version: VERSION, fingerprint: null, checksum: null, ...splitCount(data) };
  if (data.length < 2) {
    throw new TruncatedError(`${data.length} bytes are too few to be a .stc file`);
  }
  if (!hasHeader(data)) {
    const start = hex(data.subarray(0, 2));
    throw new BadMagicError(`not a .stc file: it begins with ${start}, not fac1`);
  }
  const version = data[1] & 15;
  if (version !== VERSION) {
    throw new UnsupportedVersionError(
      `format version ${version}, this release reads version ${VERSION}: update it`,
    );
  }
  if (data.length < FIXED + 1) {
    throw new TruncatedError(`${data.length} bytes are too few for header and checksum`);
  }
  const end = data.length - 2;
  if (crc(data.subarray(0, end)) !== ((data[end] << 8) | data[end + 1])) {
    throw new CorruptError(
      "the checksum does not match: the file is damaged or not whole; scan or copy it again",
    );
  }
  return {
    version,
    fingerprint: hex(data.subarray(2, 4)),
    checksum: hex(data.subarray(end)),
    ...splitCount(data.subarray(4, end)),
  };
}

function splitCount(body: Uint8Array): { tokens: number; payload: Uint8Array } {
  if (body.length === 0) throw new TruncatedError("the file ends before its token count");
  let tokens = body[0];
  let used = 1;
  if (tokens >= 128) {
    if (body.length < 2) throw new TruncatedError("the file ends inside its token count");
    tokens = ((tokens & 127) << 8) | body[1];
    used = 2;
    if (tokens < 128) {
      throw new CorruptError(`the token count ${tokens} is written in two bytes, not one`);
    }
  }
  if (tokens === 0) throw new CorruptError("the file states that it has no tokens");
  return { tokens, payload: body.subarray(used) };
}

/** CRC-16/IBM-3740. */
function crc(data: Uint8Array): number {
  let value = 0xffff;
  for (const byte of data) {
    value ^= byte << 8;
    for (let bit = 0; bit < 8; ++bit) {
      value = value & 0x8000 ? ((value << 1) ^ 0x1021) & 0xffff : value << 1;
    }
  }
  return value;
}
