// Builds dist/: the native core as WebAssembly, and the package around it.
//   node build.mjs
// Needs clang++ and wasm-ld (Debian: apt-get install clang lld); CLANG names another clang++.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..");
const run = (program, ...words) => execFileSync(program, words, { cwd: here, stdio: "inherit" });

rmSync(join(here, "dist"), { recursive: true, force: true });
for (const folder of ["dist", "src/generated"]) mkdirSync(join(here, folder), { recursive: true });
run(
  process.env.CLANG ?? "clang++",
  "-std=c++17",
  "--target=wasm32",
  "-msimd128",
  "-O3",
  "-nostdlib",
  "-fno-exceptions",
  "-fno-rtti",
  "-Wl,--no-entry,--strip-all",
  join(root, "stc", "native", "core.cpp"),
  "-o",
  "dist/core.wasm",
);

// In base64, so that a page that opens from a file, which may fetch nothing, has it too.
const core = readFileSync(join(here, "dist", "core.wasm"));
writeFileSync(
  join(here, "src", "generated", "core.ts"),
  `/** stc/native/core.cpp as WebAssembly, made by build.mjs. */\n` +
    `export const CORE = "${core.toString("base64")}";\n`,
);

const compiler = createRequire(import.meta.url).resolve("typescript/bin/tsc");
run(process.execPath, compiler);
copyFileSync(join(root, "LICENSE"), join(here, "dist", "LICENSE"));
console.log(`core.wasm: ${core.length} bytes`);
