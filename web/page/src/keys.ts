/** Public keys of issuers: from the files in which they are handed out to what is kept. */

import { readCbor } from "./cose";
import { Failure } from "./failure";

export interface TrustedKey {
  /** RFC 7638: SHA-256 of the key itself, in hexadecimal. */
  id: string;
  /** What the verifier calls the issuer. */
  name: string;
  algorithm: "ES256" | "EdDSA";
  /** The bytes by which a signature names its key, in hexadecimal; null if the file states none. */
  kid: string | null;
  jwk: JsonWebKey;
  /** When it was imported: ISO 8601. */
  added: string;
}

const OKP = 1, EC2 = 2, SYMMETRIC = 4, ED25519 = 6, P256 = 1, VERIFY = 2; // of COSE keys
const MOST = 1 << 16; // bytes of a file of keys

export interface KeyFile {
  /** At least one. */
  keys: TrustedKey[];
  /** How many others there are, of kinds that cannot be used: sets often have some. */
  others: number;
}

/**
 * The keys in a file: JWK, a set of these, PEM, a COSE key or a set; text may be hexadecimal.
 * Throws Failure, too, if none of them can be used, or one is private.
 */
export async function parseKeys(data: Uint8Array, name = ""): Promise<KeyFile> {
  if (data.length > MOST) throw new Failure("keyFile", `${data.length} bytes are too many`);
  const text = textOf(data);
  if (text?.startsWith("{") || text?.startsWith("[")) return fromJson(text, name);
  if (text?.includes("-----BEGIN")) return { keys: [await fromPem(text, name)], others: 0 };
  if (text !== null && /^[0-9a-fA-F\s]{40,}$/.test(text)) return fromCose(fromHex(text), name);
  return fromCose(data, name);
}

/** Whether a dropped file is one of keys rather than of a face. */
export function looksLikeKeys(data: Uint8Array): boolean {
  if (data.length > MOST) return false;
  const text = textOf(data);
  if (text !== null) return /"kty"|"keys"|-----BEGIN/.test(text);
  return data[0] >= 0xa2 && data[0] <= 0xb7 && data.length < 400 && data[1] <= 3;
}

async function usable(list: unknown[], read: (one: unknown) => Promise<TrustedKey>): Promise<KeyFile> {
  const keys: TrustedKey[] = [];
  let refused = new Failure("keyFile", "no key");
  for (const one of list) {
    try {
      keys.push(await read(one));
    } catch (error) {
      if (!(error instanceof Failure && error.code === "keyKind")) throw error;
      refused = error;
    }
  }
  if (keys.length === 0) throw refused;
  return { keys, others: list.length - keys.length };
}

async function fromJson(text: string, name: string): Promise<KeyFile> {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (error) {
    throw new Failure("keyFile", String(error));
  }
  const set = (found as { keys?: unknown }).keys;
  const list: unknown[] = Array.isArray(found) ? found : Array.isArray(set) ? set : [found];
  return usable(list, async (one) => {
    const jwk = (one ?? {}) as Record<string, unknown>;
    if (jwk.d !== undefined || jwk.k !== undefined) throw new Failure("keyPrivate");
    const signs = jwk.use === undefined || jwk.use === "sig";
    if (!signs || (Array.isArray(jwk.key_ops) && !jwk.key_ops.includes("verify"))) throw new Failure("keyKind", "not a key of signatures");
    const kid = typeof jwk.kid === "string" ? toHex(new TextEncoder().encode(jwk.kid)) : null;
    const given = [jwk.name, jwk.iss, jwk.issuer].find((word) => typeof word === "string");
    return make(jwk as JsonWebKey, kid, name || (given as string | undefined) || "");
  });
}

async function fromPem(text: string, name: string): Promise<TrustedKey> {
  if (text.includes("PRIVATE KEY")) throw new Failure("keyPrivate");
  const body = /-----BEGIN PUBLIC KEY-----([^-]+)-----END/.exec(text)?.[1];
  if (body === undefined) throw new Failure("keyFile", "PEM without a PUBLIC KEY");
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) throw new Failure("noCrypto");
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = Uint8Array.from(atob(body.replace(/\s/g, "")), (letter) => letter.charCodeAt(0));
  } catch (error) {
    throw new Failure("keyFile", String(error));
  }
  for (const algorithm of [{ name: "ECDSA", namedCurve: "P-256" }, { name: "Ed25519" }]) {
    const key = await subtle.importKey("spki", bytes, algorithm, true, ["verify"]).catch(() => null);
    if (key !== null) return make(await subtle.exportKey("jwk", key), null, name);
  }
  throw new Failure("keyKind", "PEM of another curve");
}

async function fromCose(data: Uint8Array, name: string): Promise<KeyFile> {
  let found: unknown;
  try {
    found = readCbor(data);
  } catch (error) {
    throw new Failure("keyFile", String(error));
  }
  const list: unknown[] = Array.isArray(found) ? found : [found];
  return usable(list, async (key) => {
    if (!(key instanceof Map)) throw new Failure("keyFile", "not a COSE key");
    const [kty, kid, uses, curve, x, y] = [1, 2, 4, -1, -2, -3].map((word) => key.get(word) as unknown);
    if (key.has(-4) || kty === SYMMETRIC) throw new Failure("keyPrivate");
    if (Array.isArray(uses) && !uses.includes(VERIFY)) throw new Failure("keyKind", "not a key of signatures");
    const ed = kty === OKP && curve === ED25519;
    if (!(ed || (kty === EC2 && curve === P256)) || !(x instanceof Uint8Array)) {
      throw new Failure("keyKind", `COSE key of type ${String(kty)}, curve ${String(curve)}`);
    }
    if (!ed && !(y instanceof Uint8Array)) throw new Failure("keyKind", "a compressed point");
    const jwk: JsonWebKey = ed
      ? { kty: "OKP", crv: "Ed25519", x: toUrl(x) }
      : { kty: "EC", crv: "P-256", x: toUrl(x), y: toUrl(y as Uint8Array) };
    return make(jwk, kid instanceof Uint8Array ? toHex(kid) : null, name);
  });
}

/** Keeps of a JWK what makes the key, and tries it. */
async function make(given: JsonWebKey, kid: string | null, name: string): Promise<TrustedKey> {
  const { kty, crv, x, y } = given;
  const ed = kty === "OKP" && crv === "Ed25519";
  if (!ed && !(kty === "EC" && crv === "P-256")) {
    throw new Failure("keyKind", `${String(kty)} ${String(crv)}`);
  }
  const length = (part: unknown) => (typeof part === "string" ? part.replace(/=+$/, "").length : 0);
  if (length(x) !== 43 || (!ed && length(y) !== 43)) throw new Failure("keyFile", "no coordinates");
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) throw new Failure("noCrypto");
  const jwk: JsonWebKey = ed ? { crv, kty, x } : { crv, kty, x, y };
  const how = ed ? { name: "Ed25519" } : { name: "ECDSA", namedCurve: "P-256" };
  try {
    await subtle.importKey("jwk", jwk, how, true, ["verify"]);
  } catch (error) {
    // Without Ed25519 in the browser the page has its own, in cose.ts.
    const lacking = ed && error instanceof DOMException && error.name === "NotSupportedError";
    if (!lacking) throw new Failure("keyFile", String(error));
  }
  const print = await subtle.digest("SHA-256", new TextEncoder().encode(JSON.stringify(jwk)));
  const id = toHex(new Uint8Array(print));
  const algorithm = ed ? "EdDSA" : "ES256";
  return { id, name: name.trim().slice(0, 80), algorithm, kid, jwk, added: new Date().toISOString() };
}

/** Text in UTF-8, or null for other bytes. */
export function textOf(data: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(data).trim();
  } catch {
    return null;
  }
}

export const toHex = (data: Uint8Array): string =>
  Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");

function fromHex(text: string): Uint8Array {
  const digits = text.replace(/\s/g, "");
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

function toUrl(data: Uint8Array): string {
  const text = btoa(String.fromCharCode(...data));
  return text.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
