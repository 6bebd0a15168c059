// Draws the face in a .stc file, or in its Base45 text: node decode.mjs MODEL FILE OUT.ppm
import { readFileSync, writeFileSync } from "node:fs";

import { StcError, fromText, hasHeader, open } from "stc-face";

const [model, input, output] = process.argv.slice(2);
if (output === undefined) {
  console.error("usage: node decode.mjs MODEL FILE OUT.ppm");
  process.exit(2);
}

try {
  const decoder = await open(readFileSync(model));
  const data = readFileSync(input);
  const file = hasHeader(data) ? data : fromText(data.toString());

  const { bytes, tokens, checksum } = decoder.info(file);
  console.log(`${bytes} bytes, ${tokens} tokens, checksum ${checksum}, model ${decoder.name}`);

  const { width, height, data: rgba } = decoder.decode(file);
  const rgb = Buffer.from(rgba.filter((_, i) => i % 4 !== 3));
  writeFileSync(output, Buffer.concat([Buffer.from(`P6 ${width} ${height} 255\n`), rgb]));
} catch (error) {
  if (!(error instanceof StcError)) throw error;
  console.error(`${error.name}: ${error.message}`);
  process.exit(1);
}
