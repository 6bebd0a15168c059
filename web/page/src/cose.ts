/** COSE_Sign1 (RFC 9052): a signed message -> its parts, and whether a key made its signature. */

import { verifyAsync } from "@noble/ed25519";
import { decode, encode } from "cborg";

import { ClaimError } from "./failure";

const CWT = 61, SIGN1 = 18;
const ALGORITHM = 1, CRITICAL = 2, KEY = 4;
/** COSE's numbers of signatures, those of RFC 9864 among them, and their names. */
const ALGORITHMS = new Map([[-7, "ES256"], [-9, "ES256"], [-8, "EdDSA"], [-19, "EdDSA"]]);

export type Algorithm = "ES256" | "EdDSA";

export interface Sign1 {
  /** null if it is not one of those that can be checked here. */
  algorithm: Algorithm | null;
  /** What the message says of its algorithm. */
  number: unknown;
  kid: Uint8Array | null;
  payload: Uint8Array;
  signature: Uint8Array;
  /** What was signed. */
  signed: Uint8Array;
}

class Tagged {
  constructor(readonly tag: number, readonly value: unknown) {}
}

const tags = Object.fromEntries([
  ...[16, 17, SIGN1, CWT, 96, 97, 98].map((tag) => [tag, (read: () => unknown) => new Tagged(tag, read())]),
  // Dates and their like stand for what is in them.
  ...[0, 1, 24, 100, 1004].map((tag) => [tag, (read: () => unknown) => read()]),
]) as Record<number, (read: () => unknown) => unknown>;

/** Throws ClaimError for bytes that are no CBOR, or say one thing twice. */
export function readCbor(data: Uint8Array): unknown {
  try {
    const options = { useMaps: true, rejectDuplicateMapKeys: true, allowNaN: false, tags };
    return decode(data, options as Parameters<typeof decode>[1]);
  } catch (error) {
    throw new ClaimError("claimDamaged", String(error));
  }
}

/** The parts of a message; null for claims without any signature. Throws ClaimError. */
export function parseSign1(data: Uint8Array): Sign1 | null {
  let found = readCbor(data);
  if (found instanceof Tagged && found.tag === CWT) found = found.value;
  if (found instanceof Map) return null;
  if (found instanceof Tagged) {
    if (found.tag !== SIGN1) throw new ClaimError("claimProtection", `COSE of tag ${found.tag}`);
    found = found.value;
  }
  if (!Array.isArray(found) || found.length !== 4) {
    throw new ClaimError("claimDamaged", "these are no signed claims (COSE_Sign1)");
  }
  const [head, open, payload, signature] = found as unknown[];
  if (!(head instanceof Uint8Array && payload instanceof Uint8Array && signature instanceof Uint8Array)) {
    throw new ClaimError("claimDamaged", "a part of the signed message is missing");
  }
  const sealed = head.length === 0 ? new Map() : readCbor(head);
  if (!(sealed instanceof Map && open instanceof Map)) {
    throw new ClaimError("claimDamaged", "a header of the signed message is missing");
  }
  if (sealed.has(CRITICAL) || open.has(CRITICAL)) {
    throw new ClaimError("claimProtection", "the signature needs an extension (crit)");
  }
  // The algorithm counts only where the signature covers it.
  const number: unknown = sealed.get(ALGORITHM);
  const kid: unknown = sealed.get(KEY) ?? open.get(KEY);
  return {
    algorithm: (ALGORITHMS.get(number as number) as Algorithm | undefined) ?? null,
    number,
    kid: kid instanceof Uint8Array ? kid : null,
    payload,
    signature,
    signed: encode(["Signature1", head, new Uint8Array(0), payload]),
  };
}

/** Whether the key made the signature. Throws Failure if this browser cannot say. */
export async function verify(message: Sign1, key: JsonWebKey): Promise<boolean> {
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) throw new ClaimError("noCrypto", "this page has no WebCrypto: it needs https");
  const ecdsa = message.algorithm === "ES256";
  const importing = ecdsa ? { name: "ECDSA", namedCurve: "P-256" } : { name: "Ed25519" };
  const checking = ecdsa ? { name: "ECDSA", hash: "SHA-256" } : { name: "Ed25519" };
  let imported: CryptoKey;
  try {
    imported = await subtle.importKey("jwk", key, importing, false, ["verify"]);
  } catch (error) {
    if (!ecdsa) return verifyEd25519(message, key);
    throw new ClaimError("noAlgorithm", `${message.algorithm}: ${String(error)}`);
  }
  const bytes = (data: Uint8Array) => data as Uint8Array<ArrayBuffer>;
  return subtle.verify(checking, imported, bytes(message.signature), bytes(message.signed));
}

/** For browsers whose WebCrypto has no Ed25519: phones of before 2025. */
async function verifyEd25519({ signature, signed }: Sign1, key: JsonWebKey): Promise<boolean> {
  const letters = atob(key.x!.replace(/-/g, "+").replace(/_/g, "/"));
  const point = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
  try {
    return await verifyAsync(signature, signed, point, { zip215: false });
  } catch {
    return false; // a signature of another length, or what is no point
  }
}
