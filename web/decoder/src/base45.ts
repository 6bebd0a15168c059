/** Base45 (RFC 9285), and the .stc file in text as scanners and editors leave it. */

import { BadMagicError, FormatError } from "./errors.js";
import { hasHeader, parseHeader } from "./header.js";

const LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const VALUES = new Map(Array.from(LETTERS, (letter, value) => [letter, value]));
const MAX_LETTERS = 1 << 17; // of a text that is looked at: three letters are two bytes
// What scanners put before the text to say what they read: ISO/IEC 15424.
const QR_CODE = "]Q";

/** Whether text has letters of Base45 alone, at least one. */
export function isBase45(text: string): boolean {
  return text !== "" && Array.from(text).every((letter) => VALUES.has(letter));
}

/** The bytes behind Base45 text, exactly as it stands. Throws FormatError. */
export function parseBase45(text: string): Uint8Array {
  const found = new Uint8Array(2 * Math.floor(text.length / 3) + (text.length % 3 === 2 ? 1 : 0));
  if (text.length % 3 === 1) {
    throw new FormatError(`Base45 has no text of ${text.length} letters: it was cut short`);
  }
  let end = 0;
  for (let start = 0; start < text.length; start += 3) {
    const size = Math.min(3, text.length - start);
    let value = 0;
    for (let i = size - 1; i >= 0; --i) {
      const digit = VALUES.get(text[start + i]);
      if (digit === undefined) {
        throw new FormatError(`${JSON.stringify(text[start + i])} is not a letter of Base45`);
      }
      value = 45 * value + digit;
    }
    if (value >= (size === 3 ? 1 << 16 : 1 << 8)) {
      throw new FormatError(`letters ${start} to ${start + size - 1} stand for no bytes of Base45`);
    }
    if (size === 3) found[end++] = value >> 8;
    found[end++] = value & 255;
  }
  return found;
}

/**
 * The .stc file behind text. Small letters, ends of lines, spaces around the text, quotes, a byte
 * order mark, and the `]Q1` of scanners are no obstacle. The file is not checked beyond its magic,
 * and a bare one not at all.
 *
 * Throws FormatError for text that carries no such file.
 */
export function fromText(text: string, options: { bare?: boolean } = {}): Uint8Array {
  const letters = lettersOf(text);
  const files: Uint8Array[] = [];
  for (const candidate of spaced(letters)) {
    try {
      files.push(parseBase45(candidate));
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
    }
  }
  if (options.bare) {
    if (files.length === 0) throw new FormatError("the text is not Base45");
    return files[0];
  }
  const framed = files.filter(hasHeader);
  if (framed.length === 0) {
    throw new BadMagicError("the text carries no .stc file: those begin with a letter and VV");
  }
  return framed.find(isSound) ?? framed[0];
}

/** The letters of Base45 text; throws FormatError if there are others, or none. */
function lettersOf(text: string): string {
  if (text.length > MAX_LETTERS) throw new FormatError(`${text.length} letters are too many`);
  let letters = text
    .replace(/^\ufeff/, "")
    .replace(/[\r\n\v\f\0]/g, "")
    .replace(/^[\t"']+|[\t"']+$/g, "");
  letters = letters.replace(/\t/g, "");
  if (letters.slice(0, 40).includes(QR_CODE)) letters = letters.replace(/^ +/, "");
  if (letters.startsWith(QR_CODE)) letters = letters.slice(3);
  // Not toUpperCase of any text: it makes two letters of some that are not ASCII.
  letters = letters.replace(/[a-z]/g, (letter) => letter.toUpperCase());
  if (!isBase45(letters)) throw new FormatError("the text is not Base45");
  return letters;
}

/**
 * The text as it may have been before spaces around it came or went. Base45 never ends with a
 * space, but a bare file's may begin with one.
 */
function spaced(letters: string): string[] {
  const text = letters.replace(/ +$/, "");
  return [...new Set([text, text.replace(/^ +/, ""), ` ${text}`])].filter((one) => one !== "");
}

function isSound(file: Uint8Array): boolean {
  try {
    parseHeader(file);
    return true;
  } catch {
    return false;
  }
}
