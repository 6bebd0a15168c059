// Golden files of every shipped model: their pictures, what they say of themselves, how fast.
import assert from "node:assert/strict";
import { test } from "node:test";

import { ModelError, TruncatedError, WrongModelError, open } from "../dist/index.js";
import { difference, goldenFiles, modelFile, models, python, small, tokensDigest, withoutPython } from "./shared.mjs";

/** Milliseconds of this process's own work: what else the machine does is not in it. */
function worked() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

for (const name of models) {
  const cases = goldenFiles(name);

  test(`${name}: golden tokens, and pictures within 1 of 255`, async () => {
    const decoder = await open(modelFile(name));
    assert.equal(decoder.name, name);
    for (const { file, tokens, picture } of cases) {
      assert.equal(tokensDigest(decoder.tokens(file)), tokens);
      const drawn = decoder.decode(file);
      assert.deepEqual([drawn.width, drawn.height], [128, 128]);
      assert.ok(drawn.data.every((value, i) => i % 4 !== 3 || value === 255));
      assert.ok(difference(drawn, picture) <= 1);
    }
  });

  test(`${name}: what files say of themselves`, async () => {
    const decoder = await open(modelFile(name));
    for (const { file } of cases) {
      const info = decoder.info(file);
      const digits = Buffer.from(file).toString("hex");
      assert.equal(info.model, name);
      assert.equal(info.bytes, file.length);
      assert.equal(info.fingerprint, digits.slice(4, 8));
      assert.equal(info.checksum, digits.slice(-4));
      assert.equal(info.overhead, info.tokens < 128 ? 7 : 8);
      // What is not in the tokens is in the group and the rounding to bytes.
      const bits = info.bitsPerLevel.reduce((sum, own) => sum + own, 0);
      assert.ok(Math.abs(8 * (file.length - info.overhead) - bits) < 32);
    }
  });

  test(`${name}: bare files`, async () => {
    const decoder = await open(modelFile(name));
    for (const { file, picture } of cases) {
      const bare = file.slice(4, -2);
      assert.ok(difference(decoder.decode(bare, { bare: true }), picture) <= 1);
      const info = decoder.info(bare, { bare: true });
      assert.equal(info.checksum, null);
      assert.equal(info.tokens, decoder.info(file).tokens);
    }
    assert.throws(() => decoder.decode(new Uint8Array(0), { bare: true }), TruncatedError);
  });

  test(`${name}: soon after loading, and sooner after that`, async () => {
    const [{ file }] = cases.slice(-1);
    const model = modelFile(name);
    const times = [worked()];
    const decoder = await open(model);
    for (let i = 0; i < 6; ++i) {
      decoder.decode(file);
      times.push(worked());
    }
    const [first, ...later] = times.slice(1).map((time, i) => time - times[i]);
    console.log(`${name}: ${first.toFixed()} ms, then ${later.map((time) => time.toFixed())}`);
    assert.ok(first < 2000 && Math.min(...later) < 150);
  });
}

test("256 pixels are those of the native core, within 1 of 255", { skip: withoutPython() }, async () => {
  const program =
    "import sys, stc\n" +
    "picture = stc.decode(bytes.fromhex(sys.argv[1]), size=256)\n" +
    "print(picture.tobytes().hex(), end='')";
  const decoder = await open(modelFile(models[0]));
  assert.equal(decoder.maxSize, 256);
  for (const { file } of goldenFiles(models[0]).slice(0, 2)) {
    const drawn = decoder.decode(file, { size: 256 });
    assert.deepEqual([drawn.width, drawn.height], [256, 256]);
    const expected = python(["-c", program, Buffer.from(file).toString("hex")]);
    assert.ok(difference(drawn, { pixels: Buffer.from(expected, "hex") }) <= 1);
  }
});

test("sizes that the model does not draw are refused", async () => {
  const decoder = await open(small.model);
  assert.equal(decoder.maxSize, 128);
  for (const size of [0, 129, 256]) {
    assert.throws(() => decoder.decode(small.file, { size }), RangeError);
  }
});

test("files of another model are refused", async () => {
  const decoder = await open(modelFile(models[0]));
  assert.throws(() => decoder.decode(small.file), WrongModelError);
  assert.throws(() => decoder.info(small.file), ModelError);
});

test("several decoders at once do not meet", async () => {
  const [one, other] = await Promise.all([modelFile(models[0]), small.model].map((file) => open(file)));
  const [first] = goldenFiles(models[0]);
  const before = one.decode(first.file);
  assert.ok(difference(other.decode(small.file), small.picture) <= 1);
  assert.ok(difference(before, first.picture) <= 1);
  assert.ok(difference(one.decode(first.file), first.picture) <= 1);
});

test("files may be ArrayBuffers and views, and nothing else", async () => {
  const decoder = await open(modelFile(models[0]));
  const [{ file, picture }] = goldenFiles(models[0]);
  const wide = new Uint8Array(file.length + 9);
  wide.set(file, 5);
  assert.ok(difference(decoder.decode(file.slice().buffer), picture) <= 1);
  assert.ok(difference(decoder.decode(wide.subarray(5, 5 + file.length)), picture) <= 1);
  assert.throws(() => decoder.decode("fac1"), TypeError);
});
