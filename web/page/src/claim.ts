/** Claim 169: the code's bytes -> a CBOR Web Token -> who a card is about, and the face in it. */

import { fromText, inflate } from "stc-face";

import { type Sign1, parseSign1, readCbor } from "./cose";
import { ClaimError } from "./failure";

const MOST = 1 << 16; // bytes after decompression; no QR code holds an honest claim that is longer
// Keys of the token (RFC 8392) and of claim 169; docs/qr.md has those of the face.
const ISSUER = 1, EXPIRES = 4, NOT_BEFORE = 5, ISSUED = 6, IDENTITY = 169;
const DATA = 0, FORMAT = 1, SUB_FORMAT = 2, VENDOR = 3;
const FACE = 62, PHOTO = 16, PHOTO_FORMAT = 17;
const IMAGE = 0, STC = 100, NAME = "STC";
// What a browser shows of the other forms of a picture, by their numbers in attributes 62 and 17.
const PICTURES = new Map([[0, "image/png"], [1, "image/jpeg"], [3, "image/avif"], [4, "image/webp"]]);

/** The fields that are shown, in this order: the name of the field, its key. */
const FIELDS: [string, number][] = [
  ["fullName", 4], ["secondName", 19], ["firstName", 5], ["middleName", 6], ["lastName", 7],
  ["birth", 8], ["gender", 9], ["id", 1], ["nationality", 13], ["address", 10], ["guardian", 15],
  ["marital", 14], ["phone", 12], ["email", 11], ["location", 21], ["legal", 22], ["country", 23],
];

export interface Claim {
  /** null for claims that nobody signed. */
  signed: Sign1 | null;
  issuer: string | null;
  /** Seconds since 1970. */
  expires: number | null;
  notBefore: number | null;
  issued: number | null;
  fields: { name: string; value: string }[];
  /** The .stc file, if there is one. */
  face: Uint8Array | null;
  /** A picture of another form, if there is no .stc file. */
  picture: Blob | null;
}

/** Whether bytes may be a claim: compressed, or a CBOR Web Token itself. */
export function isClaim(data: Uint8Array): boolean {
  if (data.length < 16) return false;
  const zlib = (data[0] & 15) === 8 && data[0] >> 4 < 8 && ((data[0] << 8) | data[1]) % 31 === 0;
  const token = (data[0] === 0xd8 && data[1] === 0x3d) || data[0] === 0xd2;
  return zlib || token;
}

/** The bytes of a claim behind the text of a code, or null for other text. */
export function claimOfText(text: string): Uint8Array | null {
  try {
    const data = fromText(text, { bare: true }); // cleans what scanners put around it
    return isClaim(data) ? data : null;
  } catch {
    return null;
  }
}

/** Throws ClaimError for what is no token. The signature is not verified. */
export async function readClaim(data: Uint8Array): Promise<Claim> {
  const token = data[0] === 0xd8 || data[0] === 0xd2 ? data : await unpacked(data);
  const signed = parseSign1(token);
  const claims = readCbor(signed === null ? token : signed.payload);
  if (!(claims instanceof Map)) throw new ClaimError("claimDamaged", "the token holds no claims");
  let identity: unknown = claims.get(IDENTITY);
  if (identity instanceof Uint8Array) identity = readCbor(identity);
  if (!(identity instanceof Map)) throw new ClaimError("claimOther", "the token has no claim 169");
  const face = faceOf(identity);
  return {
    signed,
    issuer: textOf(claims.get(ISSUER)),
    expires: timeOf(claims, EXPIRES),
    notBefore: timeOf(claims, NOT_BEFORE),
    issued: timeOf(claims, ISSUED),
    fields: fieldsOf(identity),
    face,
    picture: face === null ? pictureOf(identity) : null,
  };
}

function fieldsOf(identity: Map<unknown, unknown>): { name: string; value: string }[] {
  const found = [];
  for (const [name, key] of FIELDS) {
    const value = textOf(identity.get(key));
    if (value !== null) found.push({ name, value });
  }
  return found;
}

function elements(identity: Map<unknown, unknown>): Map<unknown, unknown>[] {
  const faces = identity.get(FACE);
  const list: unknown[] = Array.isArray(faces) ? faces : [faces];
  return list.filter((one) => one instanceof Map);
}

function faceOf(identity: Map<unknown, unknown>): Uint8Array | null {
  for (const one of elements(identity)) {
    const data = one.get(DATA);
    const ours = one.get(FORMAT) === IMAGE && one.get(SUB_FORMAT) === STC && one.get(VENDOR) === NAME;
    if (ours && data instanceof Uint8Array) return data;
  }
  return null;
}

function pictureOf(identity: Map<unknown, unknown>): Blob | null {
  for (const one of elements(identity)) {
    const data = one.get(DATA);
    const type = PICTURES.get(one.get(SUB_FORMAT) as number);
    if (one.get(FORMAT) === IMAGE && type && data instanceof Uint8Array) {
      return new Blob([data as Uint8Array<ArrayBuffer>], { type });
    }
  }
  const data = identity.get(PHOTO);
  const type = PICTURES.get(identity.get(PHOTO_FORMAT) as number);
  if (!type || !(data instanceof Uint8Array)) return null;
  return new Blob([data as Uint8Array<ArrayBuffer>], { type });
}

function textOf(value: unknown): string | null {
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  return typeof value === "string" && value.trim() !== "" ? value.slice(0, 500) : null;
}

/** A date of the token. One that cannot be understood must not pass for none: it may be the end. */
function timeOf(claims: Map<unknown, unknown>, key: number): number | null {
  const value = claims.get(key);
  if (value === undefined || value === null) return null;
  if (typeof value !== "number" || !Number.isFinite(value) || Math.abs(value) > 8.6e12) {
    throw new ClaimError("claimDamaged", `claim ${key} is no date`);
  }
  return value;
}

async function unpacked(data: Uint8Array): Promise<Uint8Array> {
  try {
    return await inflate(data, "deflate", MOST);
  } catch (error) {
    throw new ClaimError("claimDamaged", `the claims cannot be decompressed: ${String(error)}`);
  }
}
