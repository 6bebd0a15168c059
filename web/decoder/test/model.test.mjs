// Model files: cut, compressed, damaged, and such as contradict themselves.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { BackendError, ModelMissingError, WrongModelError, open } from "../dist/index.js";
import { difference, goldenFiles, modelFile, models, python, withoutPython } from "./shared.mjs";

const [name] = models;
const whole = modelFile(name);

const headerOf = (file) =>
  JSON.parse(file.subarray(8, 8 + Number(file.readBigUInt64LE(0))).toString());
const bodyOf = (file) => file.subarray(8 + Number(file.readBigUInt64LE(0)));

/** A model file of a header, an object or text, and the arrays. */
function written(header, body = bodyOf(whole)) {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([size, text, body]);
}

/** The model with a changed header. */
function edited(change) {
  const header = headerOf(whole);
  change(header, header.__metadata__);
  return written(header);
}

/** A model file of a header whose digests have changed, its fingerprint made anew. */
function signed(header, body, digests) {
  const names = Object.keys(digests).filter((own) => !/^(encoder|upscaler)\./.test(own));
  const line = (own) =>
    `${own} ${header[own].dtype} ${header[own].shape.join("x")} ${digests[own]}\n`;
  header.__metadata__.digests = JSON.stringify(digests);
  header.__metadata__.fingerprint = sha256(names.sort().map(line).join(""));
  return written(header, body);
}

const sha256 = (data) => createHash("sha256").update(data).digest("hex");

/** The model with other bytes in one array. */
function changed(array, change) {
  const header = headerOf(whole);
  const body = Buffer.from(bodyOf(whole));
  const bytes = body.subarray(...header[array].data_offsets);
  change(bytes);
  const digests = JSON.parse(header.__metadata__.digests);
  return signed(header, body, { ...digests, [array]: sha256(bytes) });
}

/** The model with one more array, of one number. */
function extended(array) {
  const header = headerOf(whole);
  const body = Buffer.concat([bodyOf(whole), Buffer.of(1)]);
  header[array] = { dtype: "I8", shape: [1], data_offsets: [body.length - 1, body.length] };
  const digests = JSON.parse(header.__metadata__.digests);
  return signed(header, body, { ...digests, [array]: sha256(Buffer.of(1)) });
}

test("a model that was cut reads what it was cut for", { skip: withoutPython() }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "stc-face-"));
  try {
    for (const end of ["model.bin", "model.bin.gz"]) {
      const path = join(folder, end);
      python(["web/decoder/model.py", name, "--max-bytes", "192", "-o", path]);
      const model = readFileSync(path);
      assert.ok(model.length < 9e6);
      const [decoder, other] = await Promise.all([open(model), open(whole)]);
      assert.deepEqual([decoder.name, decoder.fingerprint], [other.name, other.fingerprint]);
      assert.ok(decoder.readable < decoder.maxTokens && other.readable === other.maxTokens);
      for (const { file, picture } of goldenFiles(name)) {
        if (file.length <= 192) assert.ok(difference(decoder.decode(file), picture) <= 1);
        else assert.throws(() => decoder.decode(file), ModelMissingError);
      }
      if (end === "model.bin") {
        const header = headerOf(model);
        const absent = JSON.parse(header.__metadata__.absent);
        const [some] = Object.keys(absent);
        absent[some].digest = absent[some].digest.replace(/./g, "0");
        header.__metadata__.absent = JSON.stringify(absent);
        await assert.rejects(open(written(header, bodyOf(model))), WrongModelError);
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a model may be compressed by gzip", async () => {
  const packed = gzipSync(whole, { level: 1 });
  const decoder = await open(packed);
  const [{ file, picture }] = goldenFiles(name);
  assert.ok(difference(decoder.decode(file), picture) <= 1);
  await assert.rejects(open(packed.subarray(0, packed.length - 100)), WrongModelError);
  await assert.rejects(open(gzipSync(Buffer.alloc((1 << 28) + 1), { level: 1 })), WrongModelError);
});

test("damage is found wherever it is", async () => {
  const start = whole.length - bodyOf(whole).length;
  for (const place of [start, start + 3e6, whole.length - 1]) {
    const damaged = Buffer.from(whole);
    damaged[place] ^= 1;
    await assert.rejects(open(damaged), WrongModelError);
  }
  for (const size of [0, 7, 8, 1000, whole.length - 1]) {
    await assert.rejects(open(whole.subarray(0, size)), WrongModelError);
  }
  await assert.rejects(open(Buffer.concat([whole, Buffer.alloc(1)])), WrongModelError);
});

const HEADERS = {
  "not an object": () => written("[]"),
  "not JSON": () => written("{"),
  "too deep": () => written("[".repeat(500_000)),
  "deep, in an object": () => written(`{"a":${"[".repeat(400_000)}${"]".repeat(400_000)}}`),
  "too long": () => written(" ".repeat((1 << 20) + 1)),
  "named twice": () => written(JSON.stringify(headerOf(whole)).replace("{", '{"mean":1,')),
  "a member twice": () =>
    written(JSON.stringify(headerOf(whole)).replace('"dtype"', '"shape":[1],"dtype"')),
  "no metadata": () => edited((header) => delete header.__metadata__),
  "metadata of numbers": () => edited((_, metadata) => (metadata.name = 1)),
  "no fingerprint": () => edited((_, metadata) => delete metadata.fingerprint),
  "another fingerprint": () => edited((_, metadata) => (metadata.fingerprint = "0".repeat(64))),
  "no digests": () => edited((_, metadata) => delete metadata.digests),
  "digests of no array": () =>
    edited(
      (_, metadata) =>
        (metadata.digests = metadata.digests.replace("{", `{"a":"${"0".repeat(64)}",`)),
    ),
  "a bad name": () => edited((header) => (header["a b"] = header.mean)),
  "another type": () => edited((header) => (header.mean.dtype = "F64")),
  "a type of Object": () => edited((header) => (header.mean.dtype = "constructor")),
  fractions: () => written(JSON.stringify(headerOf(whole)).replace("6144", "6144.0")),
  "below zero": () => edited((header) => (header.mean.shape = [-1, -6144])),
  "too large": () => edited((header) => (header.mean.shape = [2 ** 47, 2 ** 47])),
  "another shape": () => edited((header) => (header.mean.shape = [6143])),
  "an overlap": () =>
    edited((header) => (header.mean.data_offsets = header["basis.scale"].data_offsets)),
  "a member too many": () => edited((header) => (header.mean.x = 1)),
  "an array too few": () => edited((header) => delete header.mean),
  "absent and there": () =>
    edited(
      (_, metadata) =>
        (metadata.absent = JSON.stringify({
          mean: { dtype: "F16", shape: [6144], digest: "0".repeat(64) },
        })),
    ),
};

for (const [what, make] of Object.entries(HEADERS)) {
  test(`a header that has ${what} is refused`, () => assert.rejects(open(make()), WrongModelError));
}

test("arrays that contradict themselves are refused", async () => {
  await open(changed("mean", () => {}));
  const zero = (bytes) => bytes.fill(0, 0, 2);
  for (const array of ["groups.counts", "levels.0.counts", "levels.1.counts"]) {
    await assert.rejects(open(changed(array, zero)), /sum to 65536/, array);
  }
  await assert.rejects(open(changed("levels.0.widths", zero)), WrongModelError);
  await assert.rejects(open(changed("config", (bytes) => bytes.fill(32))), WrongModelError);
  await assert.rejects(open(changed("config", (bytes) => (bytes[1] ^= 1))), WrongModelError);
});

test("arrays that nobody knows change nothing, not even beside a packed one", async () => {
  const [{ file, picture }] = goldenFiles(name);
  for (const array of ["basis", "levels.0.codebooks", "something"]) {
    const decoder = await open(extended(array));
    const short = Buffer.from(decoder.fingerprint.slice(0, 4), "hex");
    assert.ok(!short.equals(file.subarray(2, 4)));
    assert.ok(difference(decoder.decode(file.slice(4, -2), { bare: true }), picture) <= 1);
  }
});

test("a core that is none is refused", async () => {
  await assert.rejects(open(whole, new Uint8Array(8)), BackendError);
});

test("a core of one's own may be bytes or a module", async () => {
  const core = readFileSync(new URL("../dist/core.wasm", import.meta.url));
  const [{ file, picture }] = goldenFiles(name);
  for (const own of [core, new WebAssembly.Module(core)]) {
    assert.ok(difference((await open(whole, own)).decode(file), picture) <= 1);
  }
});
