// The decoder of web/decoder for the runner, under node; build it first: cd web/decoder && npm run build
//
//     node conformance/decoders/in_wasm.mjs MODEL FILE FOLDER [--bare]
import fs from "node:fs";
import path from "node:path";
import { StcError, open } from "../../web/decoder/dist/index.js";

const words = process.argv.slice(2);
const bare = words.includes("--bare");
const [model, file, folder] = words.filter((word) => !word.startsWith("--"));
const write = (name, data) => fs.writeFileSync(path.join(folder, name), data);

try {
  const decoder = await open(fs.readFileSync(model));
  const data = fs.readFileSync(file);
  const { width, height, data: pixels } = decoder.decode(data, { bare });
  const { group, indices } = decoder.tokens(data, { bare });
  const rgb = pixels.filter((_, place) => place % 4 < 3);
  write("picture.ppm", Buffer.concat([Buffer.from(`P6 ${width} ${height} 255\n`), Buffer.from(rgb)]));
  write("result.json", JSON.stringify({ group, indices: [...indices] }));
} catch (error) {
  if (!(error instanceof StcError)) throw error;
  write("result.json", JSON.stringify({ error: error.name }));
}
