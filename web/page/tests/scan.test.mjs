/** Faces without a claim, in whatever carries them, and what is refused. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";

import { drop, pixels, skip, verdict, visit } from "./browser.mjs";
import { bare, base45, codePicture, face, otherFace } from "./cards.mjs";

/** The picture of a file, 256 pixels, as a PNG by `stc decode`. */
const native = (file) =>
  execFileSync(process.env.PYTHON ?? "python3", ["-m", "stc", "decode", "-", "-o", "-", "-q"],
    { input: file, maxBuffer: 1 << 24 });

describe("a face alone", { skip }, () => {
  let page;
  visit((made) => ({ page } = made));

  it("is drawn as the native decoder draws it, within 1 of 255", async () => {
    for (const size of [32, 64, 128, 192]) {
      await drop(page, face(size), "face.stc");
      const { title, level, text } = await verdict(page);
      assert.equal(title, "Not signed");
      assert.equal(level, "plain");
      assert.match(text, new RegExp(`${face(size).length} bytes`));
      assert.match(text, new RegExp(face(size).subarray(-2).toString("hex")));
      assert.match(text, /Reconstructed/);
      const expected = await page.evaluate(async (base64) => {
        const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
        const picture = await createImageBitmap(new Blob([bytes]));
        const context = new OffscreenCanvas(256, 256).getContext("2d");
        context.drawImage(picture, 0, 0);
        return Array.from(context.getImageData(0, 0, 256, 256).data);
      }, native(face(size)).toString("base64"));
      const drawn = await pixels(page);
      const most = drawn.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
      assert.ok(most <= 1, `${size} bytes: ${most} of 255`);
    }
  });

  it("is found in a code of raw bytes and of text", async () => {
    for (const [content, form] of [[new Uint8Array(face(128)), "raw"], [base45(face(128)), "Base45 text"]]) {
      await drop(page, await codePicture(content), "code.png", "image/png");
      const { title, text } = await verdict(page);
      assert.equal(title, "Not signed");
      assert.match(text, new RegExp(`Form\\s+${form}`));
    }
  });

  it("is read from text, as scanners leave it", async () => {
    for (const text of [base45(face(64)), `]Q1${base45(face(64))}\r\n`, `"${base45(face(64)).toLowerCase()}"`]) {
      await page.click("#again");
      await page.click("#paste-open");
      await page.$eval("#paste-text", (field, text) => (field.value = text), text);
      await page.click("#paste-read");
      assert.equal((await verdict(page)).title, "Not signed");
    }
  });

  it("is read from a file that is picked, and from a picture that is pasted", async () => {
    await page.click("#again");
    const [chooser] = await Promise.all([page.waitForFileChooser(), page.click("#file-pick")]);
    const folder = mkdtempSync(join(tmpdir(), "stc-"));
    writeFileSync(join(folder, "face.stc"), face(64));
    await chooser.accept([join(folder, "face.stc")]);
    assert.match((await verdict(page)).text, new RegExp(`${face(64).length} bytes`));
    rmSync(folder, { recursive: true });
    await page.evaluate((base64) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const clipboardData = new DataTransfer();
      clipboardData.items.add(new File([bytes], "image.png", { type: "image/png" }));
      document.getElementById("result").replaceChildren();
      document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
    }, (await codePicture(new Uint8Array(face(128)))).toString("base64"));
    assert.match((await verdict(page)).text, new RegExp(`${face(128).length} bytes`));
  });

  it("is read without a header, if the user says so", async () => {
    await drop(page, await codePicture(new Uint8Array(bare(face(128)))), "code.png", "image/png");
    assert.equal((await verdict(page)).title, "This cannot be read");
    await page.click("#bare");
    await page.waitForSelector(".portrait canvas");
    const { title, level, text } = await verdict(page);
    assert.equal(title, "Not signed, and without a header");
    assert.equal(level, "plain");
    assert.match(text, /somebody else/);
  });

  it("is refused in words if it cannot be drawn", async () => {
    const damaged = Buffer.from(face(64));
    damaged[20] ^= 1;
    const newer = Buffer.from(face(64));
    newer[1] = 0xc2;
    const cases = [
      [damaged, "The code is damaged"], [face(64).subarray(0, 5), "The code is damaged"],
      [newer, "Face of a newer format"], [otherFace, "Face of another model"],
      [face(384), "Face too large for this page"], [Buffer.from("hello, world"), "This cannot be read"],
      [Buffer.alloc(0), "This cannot be read"], [Buffer.alloc(5000, 7), "This cannot be read"],
    ];
    for (const [data, expected] of cases) {
      await drop(page, data, "face.stc");
      const { title, level } = await verdict(page);
      assert.equal(title, expected);
      assert.equal(level, "bad");
    }
    await drop(page, Buffer.from("89504e470d0a1a0a0000", "hex"), "x.png", "image/png");
    assert.match((await verdict(page)).text, /cannot be opened/);
  });

  it("never makes the page ask for anything elsewhere, or fail", () => assert.deepEqual(page.errors, []));
});
