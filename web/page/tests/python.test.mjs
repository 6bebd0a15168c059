/** Claims that another program made: examples/claim169.py, with Python's cwt and cryptography. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import { closeKeys, drop, skip, trust, verdict, visit } from "./browser.mjs";
import { codePicture, face } from "./cards.mjs";

const PROGRAM = `
import cbor2, json, sys
sys.path.insert(0, "examples")
import claim169
private, public = claim169.new_keys()
face = bytes.fromhex(sys.argv[1])
print(json.dumps([cbor2.dumps(public.to_dict()).hex(), claim169.to_text(claim169.claims(face), private)]))
`;
const root = fileURLToPath(new URL("../../../", import.meta.url));
const made = spawnSync(process.env.PYTHON ?? "python3", ["-c", PROGRAM, face(192).toString("hex")], { cwd: root, encoding: "utf8" });

describe("examples/claim169.py", { skip: skip || (made.status !== 0 && "Python has no stc[claim169]") }, () => {
  let page;
  visit((made) => ({ page } = made));

  it("makes a claim that the page verifies with its COSE key", async () => {
    const [key, text] = JSON.parse(made.stdout);
    await trust(page, Buffer.from(key, "hex"), "Example.cbor");
    await closeKeys(page);
    await drop(page, await codePicture(text, 4), "card.png", "image/png");
    const { title, text: said } = await verdict(page);
    assert.equal(title, "Verified");
    for (const part of ["Jane Doe", "3918592438", "Example", "https://id.example"]) assert.ok(said.includes(part), part);
    assert.deepEqual(page.errors, []);
  });
});
