// What the tests have in common: the shipped models and their golden files.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { readPng } from "./png.mjs";

const root = new URL("../../../", import.meta.url);
const golden = new URL("tests/codec/golden/", root);
const weights = new URL("stc/codec/weights/", root);

export const repository = fileURLToPath(root);

export const models = readdirSync(weights)
  .filter((name) => name.endsWith(".safetensors"))
  .map((name) => name.slice(0, -".safetensors".length))
  .sort();

export const modelFile = (name) => readFileSync(new URL(`${name}.safetensors`, weights));

const vectors = new URL("conformance/vectors/", root);

/** A small model that is not shipped, a file of it, and its picture. */
export const small = {
  model: readFileSync(new URL("models/tiny-packed.safetensors", vectors)),
  file: new Uint8Array(readFileSync(new URL("files/tiny-packed-whole.stc", vectors))),
  picture: readPng(readFileSync(new URL("pictures/tiny-packed-whole.png", vectors))),
};

/** name, file, tokens (SHA-256), pixels of every golden file of a model. */
export function goldenFiles(name) {
  const cases = JSON.parse(readFileSync(new URL(`${name}.json`, golden), "utf8"));
  return cases.map((own) => ({
    ...own,
    file: new Uint8Array(Buffer.from(own.file, "hex")),
    picture: readPng(readFileSync(new URL(`${own.name}.png`, golden))),
  }));
}

/** The largest difference of a decoded picture from RGB pixels. */
export function difference({ data }, { pixels }) {
  let most = data.length === (pixels.length / 3) * 4 ? 0 : Infinity;
  for (let i = 0; i < pixels.length; ++i) {
    const at = 4 * Math.floor(i / 3) + (i % 3);
    most = Math.max(most, Math.abs(data[at] - pixels[i]));
  }
  return most;
}

/** The digest that golden files have of their tokens. */
export function tokensDigest({ group, indices }) {
  return createHash("sha256")
    .update([group, ...indices].join())
    .digest("hex");
}

/** Runs Python in the repository -> what it prints. STC_PYTHON names another than python3. */
export function python(words, input) {
  const { status, stdout, stderr, error } = spawnSync(process.env.STC_PYTHON ?? "python3", words, {
    cwd: repository,
    env: { ...process.env, PYTHONPATH: repository },
    input,
    maxBuffer: 1 << 26,
  });
  if (error || status !== 0) throw error ?? new Error(stderr.toString());
  return stdout.toString();
}

/** Why a test that needs the Python package, and these modules, cannot run, or false. */
export function withoutPython(...modules) {
  try {
    python(["-c", ["numpy", "stc", ...modules].map((name) => `import ${name}`).join("\n")]);
    return false;
  } catch {
    return `Python lacks stc, or ${["numpy", ...modules].join(", ")}`;
  }
}

/** A generator of numbers from 0 to below `end`, the same in every run. */
export function numbers(seed) {
  let state = seed >>> 0;
  return (end) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * end);
  };
}
