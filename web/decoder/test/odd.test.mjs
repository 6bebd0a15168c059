// A model of random weights and unusual sizes, made by Python: what must not depend on the shipped ones.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { open } from "../dist/index.js";
import { python, withoutPython } from "./shared.mjs";

const PROGRAM = `
import json, sys
from pathlib import Path
import numpy as np
from stc import Codec, bitstream
from tests.codec.models import save_odd_model
model = save_odd_model(Path(sys.argv[1], "odd.safetensors"), (3, 5, 2, 4), 6, groups=int(sys.argv[2]))
codec, generator, faces = Codec(model), np.random.default_rng(1), []
sizes = [(level.shape[1], level.shape[2]) for level in model.tables.levels]
codewords = [k for t, k in sizes for _ in range(t)]
for count in range(1, len(codewords) + 1):
    indices = np.array([generator.integers(k) for k in codewords[:count]])
    group = int(generator.integers(model.group_number))
    short = bytes.fromhex(model.fingerprint[:4])
    data = bitstream.pack(short, model.tables, group, indices)
    faces.append({"file": data.hex(), "tokens": [group, *indices.tolist()],
                  "pixels": codec.decode_batch([data])[0].ravel().tolist()})
print(json.dumps(faces))
`;

for (const groups of [1, 3]) {
  test(`a model of odd sizes, ${groups} groups`, { skip: withoutPython() }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "stc-face-"));
    try {
      const faces = JSON.parse(python(["-c", PROGRAM, folder, String(groups)]));
      const decoder = await open(readFileSync(join(folder, "odd.safetensors")));
      assert.equal(faces.length, decoder.maxTokens);
      for (const { file, tokens, pixels } of faces) {
        const data = new Uint8Array(Buffer.from(file, "hex"));
        const { group, indices } = decoder.tokens(data);
        assert.deepEqual([group, ...indices], tokens);
        const drawn = decoder.decode(data).data.filter((_, i) => i % 4 !== 3);
        assert.ok(pixels.every((value, i) => Math.abs(value - drawn[i]) <= 1));
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
