/** The camera: a recorded picture of a card in front of it, slanted, turned and a little blurred. */
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";

import { closeKeys, drop, launch, open, serve, shot, skip, trust, verdict } from "./browser.mjs";
import { photograph } from "./camera.mjs";
import { base45, claimText, claims, codePicture, face, jwk, newKey } from "./cards.mjs";

describe("the camera", { skip }, () => {
  const ended = [];
  afterEach(async () => {
    for (const end of ended.splice(0).reverse()) await end();
  });
  const start = async (picture, size) => {
    const server = await serve();
    const browser = await launch(picture);
    ended.push(server.down, () => browser.close());
    return open(browser, server.url, size);
  };
  const scan = async (page) => {
    await page.click("#camera-start");
    return verdict(page);
  };

  it("reads a face from a card that is not held straight, and compares it", async () => {
    const page = await start(await photograph(await codePicture(new Uint8Array(face(128)))));
    const { title, text } = await scan(page);
    assert.equal(title, "Not signed");
    assert.match(text, new RegExp(`${face(128).length} bytes`));
    assert.equal(await page.$eval("#video", (video) => video.srcObject), null, "the camera is off");
    await page.click("#compare");
    await page.waitForFunction(() => document.querySelector(".pair video")?.videoWidth > 0);
    const [live, card] = await page.$$eval(".pair figure", (all) => all.map((one) => one.getBoundingClientRect().toJSON()));
    assert.equal(live.top, card.top);
    assert.ok(Math.abs(live.width - card.width) < 1);
    assert.match(await page.$eval(".pair", (pair) => pair.innerText), /From the card\s+Reconstructed/);
    await shot(page, "compare", false);
    await page.click("#compare-close");
    assert.ok(await page.$eval(".sheet", (sheet) => !sheet.hidden));
    await page.click("#again");
    assert.equal((await verdict(page)).title, "Not signed");
    assert.deepEqual(page.errors, []);
  });

  it("shows what it sees while it looks", async () => {
    const page = await start(await photograph(null));
    await page.click("#camera-start");
    await page.waitForFunction(() => document.getElementById("video").videoWidth > 0);
    await shot(page, "camera", false);
    await page.click("#camera-stop");
    await page.waitForSelector("#start:not([hidden])");
    assert.deepEqual(page.errors, []);
  });

  it("verifies a claim of 192 bytes, in dim light", async () => {
    const key = newKey("EdDSA", "1");
    const content = await codePicture(claimText(claims(face(192)), key));
    const page = await start(await photograph(content, { light: 0.55, blur: 0.6, turn: "rotateX(14deg) rotate(-5deg) scale(1.25)" }));
    await trust(page, jwk(key, { name: "Civil registry" }));
    await closeKeys(page);
    const { title, text } = await scan(page);
    assert.equal(title, "Verified");
    assert.match(text, /Civil registry/);
    assert.deepEqual(page.errors, []);
  });

  it("says so if the code is of another kind", async () => {
    const page = await start(await photograph(await codePicture("https://example.org/some/page")));
    await page.click("#camera-start");
    await page.waitForFunction(() => document.getElementById("camera-hint").textContent.includes("another kind"));
    assert.deepEqual(page.errors, []);
  });

  it("has its failures in words", async () => {
    const page = await start(null);
    await page.evaluate(() => {
      navigator.mediaDevices.getUserMedia = async () => {
        throw new DOMException("no", "NotAllowedError");
      };
    });
    await page.click("#camera-start");
    assert.match((await verdict(page)).text, /may not be used/);
    await page.click("#again");
    await page.waitForSelector("#start:not([hidden])");
  });

  it("reads the same picture as a file", async () => {
    const page = await start(null);
    await drop(page, await photograph(await codePicture(base45(face(128)))), "photo.jpg", "image/jpeg");
    assert.equal((await verdict(page)).title, "Not signed");
  });
});
