/** Cards for the tests: claims that are valid, and that are not, and their codes. */
import { readFileSync } from "node:fs";
import { generateKeyPairSync, sign } from "node:crypto";
import { fileURLToPath } from "node:url";
import { deflateSync } from "node:zlib";

import { encode } from "cborg";
import { prepareZXingModule, writeBarcode } from "zxing-wasm/writer";

const wasm = readFileSync(fileURLToPath(import.meta.resolve("zxing-wasm/writer/zxing_writer.wasm")));
await prepareZXingModule({ overrides: { wasmBinary: wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.length) }, fireImmediately: true });

const root = new URL("../../../", import.meta.url);
const MODEL = "stc-open-1";
const files = JSON.parse(readFileSync(new URL(`tests/codec/golden/${MODEL}.json`, root), "utf8"));

/** A .stc file of the repository's, by its size. */
export const face = (bytes = 192) => Buffer.from(files.find((one) => one.name === `${MODEL}-${bytes}`).file, "hex");

/** A .stc file of a model that is not the page's. */
export const otherFace = readFileSync(new URL("conformance/vectors/files/tiny-packed-one.stc", root));

/** A .stc file without its header and checksum. */
export const bare = (file) => file.subarray(4, file.length - 2);

export function newKey(kind, kid) {
  const made = kind === "EdDSA" ? generateKeyPairSync("ed25519") : generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { ...made, kind, kid: kid === null ? null : Buffer.from(kid) };
}

export const jwk = (key, more = {}) =>
  JSON.stringify({ ...key.publicKey.export({ format: "jwk" }), ...(key.kid && { kid: key.kid.toString() }), ...more });

export function coseKey(key) {
  const { x, y } = key.publicKey.export({ format: "jwk" });
  const bytes = (text) => new Uint8Array(Buffer.from(text, "base64url"));
  const parts = key.kind === "EdDSA" ? [[1, 1], [-1, 6], [-2, bytes(x)]] : [[1, 2], [-1, 1], [-2, bytes(x)], [-3, bytes(y)]];
  return Buffer.from(encode(new Map([...parts, [2, new Uint8Array(key.kid)]])));
}

const NOW = Math.floor(Date.now() / 1000), YEAR = 365 * 86400;

/** The claims of a card; changes replaces some of them. */
export function claims(file, changes = {}) {
  const { identity = [], ...token } = changes;
  const biometric = new Map([[0, new Uint8Array(file)], [1, 0], [2, 100], [3, "STC"]]);
  const about = new Map([
    [1, "3918592438"], [4, "Amina Diallo"], [8, "19880102"], [9, 2], [13, "SN"],
    [10, "12 Rue du Marché\nThiès"], [62, [biometric]], ...identity,
  ]);
  const standard = { 1: "https://id.example", 4: NOW + 10 * YEAR, 5: NOW - 86400, 6: NOW - 86400 };
  const all = Object.entries({ ...standard, ...token }).filter(([, value]) => value !== undefined);
  return new Map([...all.map(([key, value]) => [Number(key), value]), [169, about]]);
}

export const expired = { 4: NOW - 86400, 5: NOW - YEAR };
export const early = { 5: NOW + 86400 };

/** A CBOR Web Token, signed. tamper: gets its parts before they are put together. */
export function token(body, key, { tamper = (parts) => parts, number } = {}) {
  const algorithm = number ?? (key.kind === "EdDSA" ? -8 : -7);
  const head = encode(new Map([[1, algorithm]]));
  const open = key.kid === null ? new Map() : new Map([[4, new Uint8Array(key.kid)]]);
  const payload = encode(body);
  const signed = encode(["Signature1", head, new Uint8Array(0), payload]);
  const how = key.kind === "EdDSA" ? null : "sha256";
  const signature = new Uint8Array(sign(how, signed, { key: key.privateKey, dsaEncoding: "ieee-p1363" }));
  const parts = tamper([head, open, payload, signature]);
  return Buffer.concat([Buffer.from([0xd8, 61, 0xd2]), encode(parts)]);
}

const LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

export function base45(data) {
  let text = "";
  for (let i = 0; i < data.length; i += 2) {
    let value = i + 1 < data.length ? 256 * data[i] + data[i + 1] : data[i];
    for (let n = i + 1 < data.length ? 3 : 2; n > 0; --n, value = Math.floor(value / 45)) text += LETTERS[value % 45];
  }
  return text;
}

/** The text of a claim's code. */
export const claimText = (...words) => base45(deflateSync(token(...words)));
export const compressed = (data) => base45(deflateSync(data));

/** A payload in which one letter is another. */
export const otherName = (parts) => {
  const payload = Buffer.from(parts[2]);
  payload[payload.indexOf("Amina")] = "E".charCodeAt(0);
  return [parts[0], parts[1], new Uint8Array(payload), parts[3]];
};

/** A payload with the face of another file. */
export const swappedFace = (parts) => [parts[0], parts[1], new Uint8Array(encode(claims(face(64)))), parts[3]];

/** A QR code as a PNG. */
export async function codePicture(content, scale = 6) {
  const made = await writeBarcode(content, { format: "QRCode", ecLevel: "M", scale });
  if (made.error) throw new Error(made.error);
  return Buffer.from(await made.image.arrayBuffer());
}
