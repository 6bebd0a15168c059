/** The arrays in a model file: header checked, then every array: conformance/model-file.md. */

import { hex } from "./bytes.js";
import { BackendError, WrongModelError } from "./errors.js";
import { unzipped } from "./gzip.js";

const MAX_HEADER = 1 << 20; // bytes
// Bytes, far above any model: no sizes that follow from arrays in such a file outgrow 32 bits.
const MAX_FILE = 1 << 28;
const MAX_SIZE = 2 ** 48;
const ITEM_SIZES: Record<string, number> = { I8: 1, U8: 1, F16: 2, U16: 2, F32: 4, I32: 4, U32: 4 };
const NAME = /^[A-Za-z0-9_.]+$/;
const DIGEST = /^[0-9a-f]{64}$/;
const OPTIONAL = ["upscaler.", "encoder."]; // what decodes a face to 128 pixels is the model

/** One array: what the header says of it, and its bytes, null if the file was cut before it. */
export interface Entry {
  dtype: string;
  shape: number[];
  bytes: Uint8Array | null;
}

export interface Container {
  name: string;
  /** SHA-256 in hexadecimal over the arrays of the whole model, those that were cut off too. */
  fingerprint: string;
  entries: Map<string, Entry>;
}

/**
 * The arrays of a model file, compressed by gzip or not, each of which gives its digest. Throws WrongModelError for a file that
 * is damaged or contradicts itself, BackendError where there is no WebCrypto.
 *
 * A file that model.py has cut names the arrays that it lacks in the metadata `absent`, each with
 * its type, shape and digest: so the fingerprint can be checked without them.
 */
export async function readContainer(file: Uint8Array): Promise<Container> {
  const { entries, metadata } = readHeader(await unzipped(file, MAX_FILE));
  const digests = stringsOf(metadata.digests, "digests");
  const lines = new Map<string, string>();
  for (const [name, entry] of entries) {
    if (!DIGEST.test(digests[name] ?? "")) throw wrong(`it states no digest of ${name}`);
    lines.set(name, line(name, entry, digests[name]));
  }
  if (Object.keys(digests).length !== entries.size) throw wrong("it has digests of no array");
  for (const [name, raw] of Object.entries(objectOf(metadata.absent ?? "{}", "absent"))) {
    const { digest, ...own } = recordOf(raw, ["dtype", "shape", "digest"], name);
    if (entries.has(name)) throw wrong(`it has ${name} and says that it lacks it`);
    if (typeof digest !== "string" || !DIGEST.test(digest)) {
      throw wrong(`it states no digest of ${name}`);
    }
    const entry = { ...kindOf(name, own), bytes: null };
    entries.set(name, entry);
    lines.set(name, line(name, entry, digest));
  }
  const text = [...lines.keys()].sort().filter((name) => !OPTIONAL.some((part) => name.startsWith(part)));
  const found = await sha256(
    new TextEncoder().encode(text.map((name) => lines.get(name)).join("")),
  );
  if (found !== metadata.fingerprint) {
    throw wrong(`the digests give fingerprint ${found.slice(0, 12)}, not the one that is stated`);
  }
  await Promise.all(
    [...entries].map(async ([name, { bytes }]) => {
      if (bytes !== null && (await sha256(bytes)) !== digests[name]) {
        throw wrong(`the array ${name} is damaged`);
      }
    }),
  );
  return { name: metadata.name ?? "unnamed", fingerprint: found, entries };
}

/** A line of what the fingerprint is made of. */
function line(name: string, { dtype, shape }: Entry, digest: string): string {
  return `${name} ${dtype} ${shape.join("x")} ${digest}\n`;
}

function readHeader(file: Uint8Array) {
  if (file.length < 8) throw wrong(`it has ${file.length} bytes`);
  if (file.length > MAX_FILE) throw wrong(`${file.length} bytes are too many`);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const length = view.getUint32(0, true);
  if (view.getUint32(4, true) !== 0 || length > MAX_HEADER || 8 + length > file.length) {
    throw wrong("its header is longer than the file");
  }
  if (file[8] !== 0x7b) throw wrong("its header does not begin with a brace");
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(file.subarray(8, 8 + length));
  } catch {
    throw wrong("its header is not text");
  }
  const { __metadata__: given, ...arrays } = objectOf(text, "header");
  const metadata = stringsIn(given ?? {}, "metadata");
  if (metadata.fingerprint === undefined) throw wrong("it states no fingerprint");
  const entries = new Map<string, Entry>();
  const places: [number, number][] = [];
  for (const [name, raw] of Object.entries(arrays)) {
    const { data_offsets: offsets, ...own } = recordOf(
      raw,
      ["dtype", "shape", "data_offsets"],
      name,
    );
    const { dtype, shape } = kindOf(name, own);
    // Of sides without a zero the product may be infinite; with one it is 0, and not NaN.
    const elements = shape.includes(0) ? 0 : shape.reduce((a, b) => a * b, 1);
    const size = elements * ITEM_SIZES[dtype];
    if (!areSizes(offsets) || offsets.length !== 2 || offsets[1] - offsets[0] !== size) {
      throw wrong(`the place of ${name} does not hold ${shape.join(" x ")} of ${dtype}`);
    }
    const [start, end] = offsets.map((offset) => 8 + length + offset);
    entries.set(name, { dtype, shape, bytes: file.subarray(start, end) });
    places.push([start, end]);
  }
  let next = 8 + length;
  for (const [start, end] of places.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    if (start !== next) throw wrong(`its arrays overlap or leave a hole at byte ${next}`);
    next = end;
  }
  if (next !== file.length) throw wrong(`its arrays end at byte ${next} of ${file.length}`);
  return { entries, metadata };
}

function kindOf(name: string, raw: Record<string, unknown>): { dtype: string; shape: number[] } {
  const { dtype, shape } = raw;
  if (!NAME.test(name)) throw wrong(`${JSON.stringify(name)} is not a name for an array`);
  if (typeof dtype !== "string" || !Object.hasOwn(ITEM_SIZES, dtype) || !areSizes(shape)) {
    throw wrong(`${name} has a type or a shape that no array has`);
  }
  return { dtype, shape };
}

function areSizes(values: unknown): values is number[] {
  return (
    Array.isArray(values) &&
    values.every((v) => Number.isInteger(v) && v >= 0 && v < MAX_SIZE && !Object.is(v, -0))
  );
}

function recordOf(raw: unknown, keys: string[], name: string): Record<string, unknown> {
  if (typeof raw === "object" && raw !== null && !Array.isArray(raw)) {
    const found = Object.keys(raw);
    if (found.length === keys.length && keys.every((key) => found.includes(key))) {
      return raw as Record<string, unknown>;
    }
  }
  throw wrong(`the entry of ${name} has other members than ${keys.join(", ")}`);
}

function stringsOf(text: string | undefined, what: string): Record<string, string> {
  if (text === undefined) throw wrong(`it has no ${what}`);
  return stringsIn(objectOf(text, what), what);
}

function stringsIn(value: unknown, what: string): Record<string, string> {
  const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isMap || !Object.values(value).every((own) => typeof own === "string")) {
    throw wrong(`its ${what} is not a map of strings`);
  }
  return { ...(value as Record<string, string>) };
}

/** A JSON object without repeated names and fractions, which the parser would let pass. */
function objectOf(text: string, what: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw wrong(`its ${what} is not JSON`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw wrong(`its ${what} is not a JSON object`);
  }
  const rest = text.replace(/"(?:[^"\\]|\\.)*"(\s*:)?/g, (_, colon) => (colon ? ":" : ""));
  if (/[.eE]/.test(rest.replace(/true|false/g, ""))) throw wrong(`its ${what} has fractions`);
  if (rest.split(":").length - 1 !== memberCount(value)) throw wrong(`its ${what} repeats a name`);
  return value as Record<string, unknown>;
}

/** Members of an object and of all objects in it; without recursion, since these nest at will. */
function memberCount(value: unknown): number {
  const todo = [value];
  let found = 0;
  while (todo.length > 0) {
    const own = todo.pop();
    if (typeof own !== "object" || own === null) continue;
    const inner = Object.values(own);
    if (!Array.isArray(own)) found += inner.length;
    for (const one of inner) todo.push(one);
  }
  return found;
}

async function sha256(bytes: Uint8Array): Promise<string> {
  if (globalThis.crypto?.subtle === undefined) {
    throw new BackendError("no WebCrypto here: pages have it by https, from localhost or a file");
  }
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return hex(new Uint8Array(digest));
}

export function wrong(reason: string): WrongModelError {
  return new WrongModelError(`not a model that can be used: ${reason}`);
}
