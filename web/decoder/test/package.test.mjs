// The package as others get it: packed, installed elsewhere, its types checked, its example run.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { difference, goldenFiles, models, repository } from "./shared.mjs";

const here = fileURLToPath(new URL("..", import.meta.url));
const compiler = createRequire(import.meta.url).resolve("typescript/bin/tsc");
const model = join(repository, "stc", "codec", "weights", `${models[0]}.safetensors`);
let folder, listed;

before(() => {
  folder = mkdtempSync(join(tmpdir(), "stc-face-"));
  const pack = ["pack", "--ignore-scripts", "--json", "--pack-destination", folder];
  listed = JSON.parse(execFileSync("npm", pack, { cwd: here, encoding: "utf8" }))[0];
  const home = join(folder, "node_modules", "stc-face");
  mkdirSync(home, { recursive: true });
  execFileSync("tar", [
    "-xzf",
    join(folder, listed.filename),
    "-C",
    home,
    "--strip-components",
    "1",
  ]);
});
after(() => rmSync(folder, { recursive: true }));

test("the package has what it needs and nothing else", () => {
  const files = listed.files.map(({ path }) => path);
  for (const file of [
    "LICENSE",
    "README.md",
    "dist/index.js",
    "dist/index.d.ts",
    "dist/core.wasm",
  ]) {
    assert.ok(files.includes(file) || files.includes(`dist/${file}`), file);
  }
  assert.ok(
    files.every((file) => /^(dist|example)\/|^(README\.md|package\.json)$/.test(file)),
    files.join(),
  );
  assert.ok(listed.size < 200_000, `${listed.size} bytes`);
  console.log(`package: ${listed.size} bytes, ${files.length} files`);
  const { dependencies } = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
  assert.equal(dependencies, undefined);
});

test("it has the version of the Python package", () => {
  const text = readFileSync(join(repository, "stc", "version.py"), "utf8");
  assert.equal(listed.version, /__version__ = "(.+)"/.exec(text)[1]);
});

test("the lock file names no registry", () => {
  assert.ok(!readFileSync(join(here, "package-lock.json"), "utf8").includes("resolved"));
});

test("the example has thirty lines and draws a golden face", () => {
  const example = join(folder, "node_modules", "stc-face", "example", "decode.mjs");
  assert.ok(readFileSync(example, "utf8").trimEnd().split("\n").length <= 30);
  writeFileSync(join(folder, "decode.mjs"), readFileSync(example));
  const [{ file, picture }] = goldenFiles(models[0]);
  writeFileSync(join(folder, "face.stc"), file);
  const run = (input) =>
    spawnSync(process.execPath, ["decode.mjs", model, input, "face.ppm"], {
      cwd: folder,
      encoding: "utf8",
    });
  const { stdout, stderr } = run("face.stc");
  assert.match(
    stdout,
    new RegExp(`^${file.length} bytes, \\d+ tokens, checksum [0-9a-f]{4}, model ${models[0]}`),
    stderr,
  );
  const pixels = readFileSync(join(folder, "face.ppm")).subarray("P6 128 128 255\n".length);
  const data = Array.from({ length: 4 * 128 * 128 }, (_, i) =>
    i % 4 === 3 ? 255 : pixels[(i >> 2) * 3 + (i % 4)],
  );
  assert.ok(difference({ data }, picture) <= 1);
  writeFileSync(join(folder, "wrong.stc"), file.slice(0, 20));
  assert.match(run("wrong.stc").stderr, /^CorruptError: /);
});

test("its types serve strict TypeScript", () => {
  writeFileSync(
    join(folder, "use.ts"),
    `import { open, FormatError, type FileInfo, type Picture } from "stc-face";
     const decoder = await open(new ArrayBuffer(8));
     const picture: Picture = decoder.decode(new Uint8Array(8), { bare: true });
     const image: ImageData = new ImageData(picture.data, picture.width);
     const info: FileInfo = decoder.info(new Uint8Array(8));
     try { decoder.tokens(new Uint8Array(8)).indices.length; } catch (error) {
       if (error instanceof FormatError) console.log(error.name, image, info.checksum?.length);
     }
     // @ts-expect-error: a file is bytes
     decoder.decode("text");
     export {};`,
  );
  for (const resolution of ["bundler", "nodenext"]) {
    const module = resolution === "bundler" ? "es2022" : "nodenext";
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    const words = ["--noEmit", "--strict", "--target", "es2022", "--module", module];
    execFileSync(
      process.execPath,
      [compiler, ...words, "--moduleResolution", resolution, "use.ts"],
      {
        cwd: folder,
        stdio: "inherit",
      },
    );
  }
});
