/** What a code, a file or a text carries: a .stc file, a bare one, an identity claim, or neither. */

import { BadMagicError, FormatError, fromText, hasHeader } from "stc-face";

import { claimOfText, isClaim } from "./claim";

export type Form = "raw" | "base45" | "bare" | "claim";

export interface Carried {
  form: Form;
  data: Uint8Array;
}

const MAX_FILE = 1 << 16; // bytes of the longest file
const MAX_BARE = 1024;
const MAX_TEXT = 1 << 17;

/**
 * bare: what is nothing else is then taken for a bare file, which nothing marks as one.
 * Returns null for what carries nothing. What is returned is not checked beyond its first bytes.
 */
export function recognise(data: Uint8Array, bare = false): Carried | null {
  if (hasHeader(data)) return { form: "raw", data: data.subarray(0, MAX_FILE) };
  const text = data.length <= MAX_TEXT ? textOf(data) : null;
  if (text !== null) {
    const found = recogniseText(text, bare);
    if (found !== null) return found;
  }
  if (isClaim(data)) return { form: "claim", data };
  return bare && data.length <= MAX_BARE ? { form: "bare", data } : null;
}

/** The same of text, as scanners and clipboards leave it. */
export function recogniseText(text: string, bare = false): Carried | null {
  try {
    return { form: "base45", data: fromText(text) };
  } catch (error) {
    if (!(error instanceof FormatError || error instanceof BadMagicError)) throw error;
  }
  const claim = claimOfText(text);
  if (claim !== null) return { form: "claim", data: claim };
  if (!bare) return null;
  try {
    return { form: "bare", data: fromText(text, { bare: true }) };
  } catch {
    return null;
  }
}

/** Text, if the bytes are of it; scanners write UTF-16, too. */
function textOf(data: Uint8Array): string | null {
  const wide = (data[0] === 0xff && data[1] === 0xfe) || (data[0] === 0xfe && data[1] === 0xff);
  const label = wide ? (data[0] === 0xff ? "utf-16le" : "utf-16be") : "utf-8";
  try {
    return new TextDecoder(label, { fatal: true }).decode(data);
  } catch {
    return null;
  }
}
