// Files that nobody should have made: one of the stated errors, soon, and the same as Python's.
import assert from "node:assert/strict";
import { before, test } from "node:test";

import {
  BadMagicError,
  CorruptError,
  FormatError,
  ModelError,
  TruncatedError,
  UnsupportedVersionError,
  open,
  parseHeader,
} from "../dist/index.js";
import {
  difference,
  goldenFiles,
  modelFile,
  models,
  numbers,
  python,
  withoutPython,
} from "./shared.mjs";

const cases = goldenFiles(models[0]);
const [{ file, picture }] = cases;
let decoder;
before(async () => {
  decoder = await open(modelFile(models[0]));
});

/** The bytes with a checksum that is right. */
function sealed(body) {
  let value = 0xffff;
  for (const byte of body) {
    value ^= byte << 8;
    for (let bit = 0; bit < 8; ++bit) {
      value = value & 0x8000 ? ((value << 1) ^ 0x1021) & 0xffff : value << 1;
    }
  }
  return Uint8Array.from([...body, value >> 8, value & 255]);
}

const head = Array.from(file.slice(0, 4));

test("each part of the header has its own error", () => {
  const refused = [
    [[], TruncatedError],
    [[0xfa], TruncatedError],
    [[0x89, 0x50], BadMagicError],
    [[0xfa, 0xc1], TruncatedError],
    [[0xfa, 0xc2, 0, 0, 0, 0, 0], UnsupportedVersionError],
    [[0xfa, 0xc0], UnsupportedVersionError],
    [file.slice(0, -1), CorruptError],
    [[...file, 0], CorruptError],
    [sealed([0xfa, 0xc1, 0, 0, 24, 1, 2]), ModelError],
    [sealed([...head]), TruncatedError],
    [sealed([...head, 0x80]), TruncatedError],
    [sealed([...head, 0]), CorruptError],
    [sealed([...head, 0x80, 24]), CorruptError],
    [sealed([...head, 0xff, 0xff]), CorruptError],
    [sealed([...head, ...file.slice(4, -2), 0]), CorruptError],
    [sealed([...head, 1, ...new Uint8Array(60000).fill(7)]), CorruptError],
  ];
  for (const [bytes, kind] of refused) {
    const data = Uint8Array.from(bytes);
    for (const verb of ["decode", "info", "tokens"]) {
      assert.throws(
        () => decoder[verb](data),
        (error) => error.constructor === kind || error instanceof kind,
      );
    }
  }
});

test("every bit of a file counts", () => {
  for (let bit = 0; bit < 8 * file.length; ++bit) {
    const changed = file.slice();
    changed[bit >> 3] ^= 1 << (bit & 7);
    assert.throws(() => decoder.decode(changed), FormatError);
  }
});

test("every other payload with a right checksum is refused or is another face", () => {
  const pick = numbers(5);
  let faces = 0;
  for (let i = 0; i < 3000; ++i) {
    const body = Array.from(cases[i % cases.length].file.slice(0, -2));
    for (let changes = 1 + pick(3); changes > 0; --changes) {
      body[4 + pick(body.length - 4)] = pick(256);
    }
    try {
      const { group, indices } = decoder.tokens(sealed(body));
      assert.ok(group >= 0 && indices.length > 0 && indices.every((own) => own >= 0 && own < 256));
      ++faces;
    } catch (error) {
      assert.ok(error instanceof FormatError, String(error));
    }
  }
  assert.ok(faces > 0);
});

test("noise is refused, bare or not, and a decoder goes on after it", () => {
  const pick = numbers(9);
  for (let i = 0; i < 2000; ++i) {
    const noise = Uint8Array.from({ length: pick(400) }, () => pick(256));
    assert.throws(() => decoder.decode(noise), FormatError);
    try {
      decoder.tokens(noise, { bare: true });
    } catch (error) {
      assert.ok(error instanceof FormatError, String(error));
    }
  }
  assert.ok(difference(decoder.decode(file), picture) <= 1);
});

test("headers are read without a model", () => {
  assert.equal(parseHeader(file).tokens, decoder.info(file).tokens);
  assert.throws(() => parseHeader(file.slice(1)), BadMagicError);
});

const PROGRAM = `
import json, sys
from stc import Codec
codec = Codec(sys.argv[1])
for line in sys.stdin:
    data, bare = json.loads(line)
    try:
        group, indices = codec.read_tokens(bytes.fromhex(data), bare=bare)
        print(json.dumps([int(group), *indices.tolist()]))
    except Exception as error:
        print(json.dumps(type(error).__name__))
`;

test(
  "Python reads the same tokens, or raises the error of the same name",
  { skip: withoutPython() },
  () => {
    const pick = numbers(11);
    const files = cases.flatMap(({ file: own }) => {
      const some = Array.from({ length: 150 }, () => {
        const body = Array.from(own.slice(0, -2));
        body[pick(body.length)] = pick(256);
        return [pick(8) ? sealed(body) : Uint8Array.from(body), false];
      });
      const bare = Array.from({ length: 50 }, () => {
        const body = own.slice(4, -2);
        body[pick(body.length)] = pick(256);
        return [body.slice(0, pick(5) ? body.length : pick(body.length)), true];
      });
      return [...some, ...bare];
    });
    const lines = files.map(([data, bare]) =>
      JSON.stringify([Buffer.from(data).toString("hex"), bare]),
    );
    const theirs = python(["-c", PROGRAM, models[0]], lines.join("\n")).trim().split("\n");
    assert.equal(theirs.length, files.length);
    files.forEach(([data, bare], i) => {
      let ours;
      try {
        const { group, indices } = decoder.tokens(data, { bare });
        ours = [group, ...indices];
      } catch (error) {
        ours = error.name;
      }
      assert.deepEqual(ours, JSON.parse(theirs[i]), lines[i]);
    });
  },
);
