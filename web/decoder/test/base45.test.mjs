// Base45: the examples of RFC 9285, what is none, and text as scanners leave it.
import assert from "node:assert/strict";
import { test } from "node:test";

import { BadMagicError, FormatError, fromText, isBase45, parseBase45 } from "../dist/index.js";
import { goldenFiles, models, python, withoutPython } from "./shared.mjs";

const text = (bytes) => new TextDecoder().decode(bytes);

/** Base45, for the tests alone. */
function base45(bytes) {
  const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
  let found = "";
  for (let at = 0; at < bytes.length; at += 2) {
    const pair = at + 1 < bytes.length;
    let value = pair ? 256 * bytes[at] + bytes[at + 1] : bytes[at];
    for (let i = 0; i < (pair ? 3 : 2); ++i, value = Math.floor(value / 45)) {
      found += letters[value % 45];
    }
  }
  return found;
}

const [{ file }, second] = goldenFiles(models[0]);

test("the examples of RFC 9285", () => {
  assert.equal(text(parseBase45("BB8")), "AB");
  assert.equal(text(parseBase45("%69 VD92EX0")), "Hello!!");
  assert.equal(text(parseBase45("UJCLQE7W581")), "base-45");
  assert.equal(text(parseBase45("QED8WEX0")), "ietf!");
  assert.deepEqual(parseBase45(""), new Uint8Array(0));
});

test("text that is no Base45 is refused", () => {
  // GGW is 65536, ZZ 1610; RFC 9285 has the first.
  for (const wrong of ["GGW", "ZZ", "A", "ABCD", "ab", "A_B", "ÄB8", "::::"]) {
    assert.throws(() => parseBase45(wrong), FormatError, wrong);
    assert.throws(() => fromText(wrong), FormatError, wrong);
  }
  assert.ok(!isBase45("") && !isBase45("a") && isBase45("A: "));
});

test("files come back from text as scanners and editors leave it", () => {
  const letters = base45(file);
  const forms = [
    letters,
    letters.toLowerCase(),
    `\ufeff${letters}\r\n`,
    `  ${letters}  `,
    `"${letters}"`,
    `]Q1${letters}`,
    letters.replace(/(.{40})/g, "$1\n"),
    `\t${letters}\t`,
  ];
  for (const form of forms) assert.deepEqual(fromText(form), file, JSON.stringify(form));
  assert.deepEqual(fromText(base45(second.file)), second.file);
  assert.deepEqual(fromText(base45(file.slice(4, -2)), { bare: true }), file.slice(4, -2));
});

test("other text is told apart from files", () => {
  assert.throws(() => fromText(base45(new TextEncoder().encode("Hello"))), BadMagicError);
  assert.throws(() => fromText(""), FormatError);
  assert.throws(() => fromText("A".repeat(1 << 20)), FormatError);
  assert.throws(() => fromText("ı".repeat(9)), FormatError);
});

test("the text that Python writes", { skip: withoutPython("base45") }, () => {
  const program =
    "import sys; from stc.carriers.text import to_text\n" +
    "print(to_text(bytes.fromhex(sys.argv[1])), end='')";
  const written = python(["-c", program, Buffer.from(second.file).toString("hex")]);
  assert.equal(written, base45(second.file));
});
