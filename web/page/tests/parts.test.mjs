/** One card in several QR codes (structured append), which segno writes: in a picture, and one by one. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";

import { closeKeys, drop, launch, open, serve, shot, skip, trust, verdict, visit } from "./browser.mjs";
import { photograph } from "./camera.mjs";
import { base45, claimText, claims, face, jwk, newKey } from "./cards.mjs";

// Prints the symbols of each content, and pictures of several of them beside one another.
const PROGRAM = `
import base64, io, json, sys
import segno
from PIL import Image

def picture(codes):
    images = []
    for code in codes:
        file = io.BytesIO()
        code.save(file, kind="png", scale=6)
        images.append(Image.open(file).convert("L"))
    sheet = Image.new("L", (sum(i.width for i in images), max(i.height for i in images)), 255)
    for number, image in enumerate(images):
        sheet.paste(image, (sum(i.width for i in images[:number]), 0))
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()

made = []
for content in json.load(sys.stdin):
    content = bytes.fromhex(content["bytes"]) if "bytes" in content else content["text"]
    codes = list(segno.make_sequence(content, symbol_count=3, error="m"))
    made.append({"all": picture(codes[::-1]), "two": picture(codes[1:]), "each": [picture([c]) for c in codes]})
print(json.dumps(made))
`;
const key = newKey("ES256", "1");
const contents = [{ bytes: face(192).toString("hex") }, { text: base45(face(192)) }, { text: claimText(claims(face(192)), key) }];
const made = spawnSync(process.env.PYTHON ?? "python3", ["-c", PROGRAM], { input: JSON.stringify(contents), encoding: "utf8", maxBuffer: 1 << 26 });
const [raw, text, claim] = made.status === 0 ? JSON.parse(made.stdout) : [];
const png = (base64) => Buffer.from(base64, "base64");

describe("a card in several codes", { skip: skip || (made.status !== 0 && "Python has no stc[qr]") }, () => {
  let page;
  visit((made) => ({ page } = made));
  const read = async (picture) => {
    await drop(page, png(picture), "card.png", "image/png");
    return verdict(page);
  };

  it("is read from a picture of all of them, in any order", async () => {
    for (const codes of [raw, text]) {
      const { title, text } = await read(codes.all);
      assert.equal(title, "Not signed");
      assert.match(text, new RegExp(`${face(192).length} bytes`));
    }
    await trust(page, jwk(key));
    await closeKeys(page);
    assert.equal((await read(claim.all)).title, "Verified");
  });

  it("says how many there are, and what to do, if some are not in the picture", async () => {
    for (const codes of [raw, text, claim]) {
      for (const [picture, count] of [[codes.each[1], 1], [codes.two, 2]]) {
        const { title, level, text } = await read(picture);
        assert.equal(title, "This cannot be read");
        assert.equal(level, "bad");
        assert.ok(text.includes(`This card is in 3 codes, and the picture shows ${count} of them.`), text);
        assert.match(text, /one picture of all the codes, or start the camera and show it one code after the other/);
        assert.equal(await page.$(".portrait"), null, "no face is drawn from a part");
      }
    }
    await shot(page, "parts-missing");
    assert.deepEqual(page.errors, []);
  });

  /** The page, with a camera that sees these codes in turn, each for a while. */
  const watch = async (codes, use) => {
    const seen = await Promise.all(codes.map((code) => photograph(png(code), { turn: "rotate(3deg)", blur: 0.4 })));
    const server = await serve();
    const browser = await launch(Buffer.concat(seen.flatMap((frame) => Array(40).fill(frame))));
    try {
      const page = await open(browser, server.url);
      await page.click("#camera-start");
      await use(page);
      assert.deepEqual(page.errors, []);
    } finally {
      await browser.close();
      await server.down();
    }
  };

  it("is read by the camera, one code after the other", () => watch(claim.each, async (page) => {
    const { title } = await verdict(page);
    assert.equal(title, "Nothing to check the signature with");
    assert.ok(await page.$(".portrait canvas"));
  }));

  it("is asked for by the camera, as long as some are missing", () => watch(claim.each.slice(0, 2), async (page) => {
    await page.waitForFunction(() => document.getElementById("camera-hint").textContent === "2 of 3 parts read. Show the others");
    await shot(page, "parts-camera", false);
  }));
});
