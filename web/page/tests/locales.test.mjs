/** Every language says all that English says. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { describe, it } from "node:test";

const folder = (name) => new URL(`../${name}/`, import.meta.url);
const languages = readdirSync(folder("locales"));
const words = (name) => JSON.parse(readFileSync(new URL(name, folder("locales")), "utf8"));
const english = words("en.json");
const holes = (text) => (text.match(/\{\w+\}/g) ?? []).sort();

describe("the languages", () => {
  it("are at least four, one of them written from right to left", () => {
    assert.ok(languages.length >= 4);
    assert.ok(languages.some((name) => words(name).$dir === "rtl"));
  });

  for (const name of languages) {
    it(`${name} has the same texts with the same holes`, () => {
      const other = words(name);
      assert.deepEqual(Object.keys(other).sort(), Object.keys(english).sort());
      for (const [key, text] of Object.entries(english)) {
        assert.notEqual(other[key].trim(), "", key);
        assert.deepEqual(holes(other[key]), holes(text), key);
      }
    });
  }

  it("have no text that is never used, and lack none", () => {
    const sources = readdirSync(folder("src")).filter((name) => /\.(ts|html)$/.test(name));
    const code = sources.map((name) => readFileSync(new URL(name, folder("src")), "utf8")).join("\n");
    const used = new Set([...code.matchAll(/\bt\(\s*(?:\w+ \? )?"([\w.]+)"/g), ...code.matchAll(/data-t(?:-label)?="([\w.]+)"/g), ...code.matchAll(/"([\w.]+)"/g)].map((one) => one[1]));
    const made = /^(\$|verdict\.|failure\.|field\.|form\.|gender\.|marital\.|label\.|state\.)/;
    const unused = Object.keys(english).filter((key) => !made.test(key) && !used.has(key));
    assert.deepEqual(unused, []);
    const called = [...code.matchAll(/\bt\("([\w.]+)"/g), ...code.matchAll(/data-t(?:-label)?="([\w.]+)"/g)].map((one) => one[1]);
    assert.deepEqual(called.filter((key) => !(key in english)), []);
    const failures = [...code.matchAll(/Failure\("([\w.]+)"|ClaimError\("(\w+)"/g)].map((one) => one[1] ?? one[2]);
    const lacking = failures.filter((code) => ![`failure.${code}`, `verdict.face.${code}`, `verdict.signature.${code}`].some((key) => key in english));
    assert.deepEqual(lacking, []);
  });
});
