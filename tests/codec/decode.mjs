// Decodes payloads with the core compiled to WebAssembly: node decode.mjs core.wasm model plan.json
// The plan names the model's arrays in the order in which core.cpp reads them; a raw picture for
// each payload goes to standard output.
import fs from "node:fs";

const [wasm, model, plan] = process.argv.slice(2).map((path) => fs.readFileSync(path));
const { shape, widths, counts, linear, decoder, tokens, faces } = JSON.parse(plan);
const { instance } = await WebAssembly.instantiate(wasm, {});
const core = instance.exports;
const PLANES = 6144, PICTURE = 128 * 128 * 3;

let end = core.stc_heap();
function reserve(bytes) {
  const start = (end + 63) & ~63;
  end = start + bytes;
  const missing = end - core.memory.buffer.byteLength;
  if (missing > 0) core.memory.grow(Math.ceil(missing / 65536));
  return start;
}
function put(bytes) {
  const start = reserve(bytes.byteLength);
  new Uint8Array(core.memory.buffer).set(bytes, start);
  return start;
}
const put32 = (numbers) => put(new Uint8Array(Uint32Array.from(numbers).buffer));

const size = Number(model.readBigUInt64LE(0));
const header = JSON.parse(model.subarray(8, 8 + size));
const check = (error) => { if (error) throw new Error(`the core returned error ${error}`); };
const bytesOf = (name) => model.subarray(...header[name].data_offsets.map((at) => 8 + size + at));

function unpack(name) {
  const at = (word) => (header[`${name}.${word}`] ? put(bytesOf(`${name}.${word}`)) : 0);
  const of = (word) => header[`${name}.${word}`]?.shape;
  const rows = of("tops").reduce((a, b) => a * b), columns = of("scale")[0];
  const values = reserve((of("mirror") ? 2 : 1) * rows * columns);
  check(core.stc_unpack(at("codes"), at("curve"), at("tops"), at("first"), at("mirror"), rows, columns,
                        of("first")?.[1] ?? 0, Math.log2(of("curve")[0]), values));
  return values;
}
function array(name) {
  if (!header[name]) return unpack(name);
  if (header[name].dtype !== "U16") return put(bytesOf(name));
  const bytes = bytesOf(name);
  return put32(new Uint16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)));
}
const addresses = (names) => put32(names.map(array));

const given = { shape: put32(shape), widths: put32(widths), counts: addresses(counts),
                linear: addresses(linear), decoder: addresses(decoder) };
const indices = reserve(4 * (1 + tokens)), planes = reserve(4 * PLANES), rgb = reserve(PICTURE);
const bytes = Math.max(core.stc_planes_scratch(given.shape), core.stc_render_scratch(given.widths));
const spent = reserve(4), scratch = reserve(bytes);

for (const { payload, count } of faces) {
  const data = Buffer.from(payload, "hex");
  check(core.stc_decode(put(data), data.length, given.shape, given.counts, count, indices));
  const group = new Int32Array(core.memory.buffer, indices, 1)[0];
  check(core.stc_planes(given.shape, given.linear, group, indices + 4, count, planes, scratch, bytes));
  new Float32Array(core.memory.buffer, spent, 1)[0] = count / tokens;
  check(core.stc_render(given.widths, given.decoder, planes, spent, 1, rgb, scratch, bytes, 1));
  fs.writeSync(1, new Uint8Array(core.memory.buffer, rgb, PICTURE));
}
