// Builds dist/: the page for a server, and stc.html, the same page as one file.
//   npm ci && node build.mjs
// Needs ../decoder built (node ../decoder/build.mjs) and Python with stc (PYTHON names another one).
// MODEL and MAX_BYTES: the model, and the largest file that the page can read.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const at = (...names) => join(here, ...names);
const read = (...names) => readFileSync(at(...names));
const { MODEL = "stc-open-1", MAX_BYTES = "192", PYTHON = "python3" } = process.env;
const MOST = 12e6; // bytes of all that a visitor loads, and of the one file

mkdirSync(at("build"), { recursive: true });
const cut = [at("..", "decoder", "model.py"), MODEL, "--max-bytes", MAX_BYTES, "-o", at("build", "model.bin")];
execFileSync(PYTHON, cut, { stdio: "inherit" });
const reader = createRequire(import.meta.url).resolve("zxing-wasm/reader/zxing_reader.wasm");
const assets = {
  model: gzipSync(read("build", "model.bin"), { level: 9 }),
  reader: gzipSync(readFileSync(reader), { level: 9 }),
};

// English first, since it stands in for what the others lack.
const codes = readdirSync(at("locales")).map((name) => name.replace(".json", "")).sort();
const locales = {
  name: "locales",
  setup(bundler) {
    bundler.onResolve({ filter: /^locales$/ }, () => ({ path: "locales", namespace: "locales" }));
    bundler.onLoad({ filter: /.*/, namespace: "locales" }, () => {
      const lines = codes.map((code) => `${code}: ${read("locales", `${code}.json`)}`);
      return { contents: `export const LOCALES = {${lines.join(",\n")}};`, loader: "js" };
    });
  },
};
// The reader of codes would load its WebAssembly from a public server if it were not given any.
const noServer = {
  name: "no-server",
  setup(bundler) {
    bundler.onLoad({ filter: /zxing-wasm.*\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, "utf8").replace(/https:\/\/fastly\.jsdelivr\.net\/[^`"']*/g, "."),
      loader: "js",
    }));
  },
};
const bundled = await build({
  entryPoints: [at("src", "main.ts")], bundle: true, write: false, minify: true, format: "iife",
  target: "es2022", charset: "utf8", legalComments: "none", plugins: [locales, noServer],
  logLevel: "warning",
});
const script = bundled.outputFiles[0].text.trim().replaceAll("</script", "<\\/script");
const sheet = await build({ entryPoints: [at("src", "style.css")], minify: true, write: false, logLevel: "warning" });
const style = sheet.outputFiles[0].text.trim();

const COMMON = "default-src 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'";
const SERVED = `${COMMON}; trusted-types stc-page; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; ` +
  "img-src 'self' blob:; connect-src 'self'; manifest-src 'self'; worker-src 'self'";
const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
const ALONE = `${COMMON}; trusted-types stc-page; script-src ${hash(script)} 'wasm-unsafe-eval'; ` +
  `style-src ${hash(style)}; img-src data: blob:; connect-src 'none'`;

function page(csp, head, tail) {
  const parts = { "%CSP%": csp, "%HEAD%": head, "%TAIL%": tail };
  // English, for browsers that are too old for the script.
  const english = JSON.parse(read("locales", "en.json"));
  const plain = read("src", "index.html").toString().replace(/(data-t="([^"]+)"[^>]*>)[^<]*/g, (_, tag, key) => tag + english[key]);
  // As functions, since the script has dollar signs that would mean something.
  return Object.entries(parts).reduce((text, [mark, part]) => text.replace(mark, () => part), plain);
}

rmSync(at("dist"), { recursive: true, force: true });
mkdirSync(at("dist"));
// What is inside is under these; the library within zxing-wasm, zxing-cpp, is under Apache-2.0, as is cborg.
const licences = ["zxing-wasm", "cborg", "@noble/ed25519"].map((name) => {
  const folder = at("node_modules", ...name.split("/"));
  const file = readdirSync(folder).find((one) => /^LICEN[CS]E/i.test(one));
  return `${name}\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
});
licences.unshift(`STC\n\n${read("..", "..", "LICENSE").toString().trim()}\n`);
const terms = licences.join("\n----\n\n");

const put = (name, data) => writeFileSync(at("dist", name), data);
const icon = read("icons", "icon.svg").toString();
put("index.html", page(SERVED, `<link rel="manifest" href="app.webmanifest">
<link rel="icon" href="icon.svg" type="image/svg+xml">
<link rel="apple-touch-icon" href="icon-180.png">
<link rel="stylesheet" href="style.css">`, '<script src="app.js"></script>'));
put("app.js", script);
put("licences.txt", terms);
put("style.css", style);
for (const [name, data] of Object.entries(assets)) put(`${name}.bin`, data);
for (const name of readdirSync(at("icons")).filter((name) => !name.endsWith(".mjs"))) copyFileSync(at("icons", name), at("dist", name));
copyFileSync(at("src", "app.webmanifest"), at("dist", "app.webmanifest"));

const files = readdirSync(at("dist")).sort();
const version = createHash("sha256");
for (const name of files) version.update(name).update(read("dist", name));
const kept = ["./", ...files.filter((name) => name !== "index.html")];
const worker = read("src", "sw.js").toString();
const known = `const VERSION = "${version.digest("hex").slice(0, 16)}";\nconst FILES = ${JSON.stringify(kept)};\n`;
put("sw.js", known + worker);

const inside = Object.entries(assets).map(([name, data]) =>
  `<script type="application/octet-stream" id="asset-${name}">${data.toString("base64")}</script>`);
const link = `<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(icon)}">`;
put("stc.html", page(ALONE, `${link}\n<style>${style}</style>`, `${inside.join("\n")}\n<script>${script}</script>\n<script type="text/plain">${terms}</script>`));

const size = (name) => statSync(at("dist", name)).size;
const served = [...files, "sw.js"].reduce((sum, name) => sum + size(name), 0);
for (const [what, bytes] of [["served", served], ["stc.html", size("stc.html")]]) {
  console.log(`${what}: ${bytes} bytes`);
  if (bytes > MOST) throw new Error(`${what} is larger than ${MOST} bytes`);
}
