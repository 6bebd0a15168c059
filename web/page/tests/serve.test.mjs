/** The page as `stc serve --page` offers it. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { DIST, closeKeys, drop, launch, open, skip, trust, verdict } from "./browser.mjs";
import { claimText, claims, codePicture, face, jwk, newKey } from "./cards.mjs";

const PYTHON = process.env.PYTHON ?? "python3";
const able = spawnSync(PYTHON, ["-c", "import stc.service.app, uvicorn"]).status === 0;

describe("stc serve", { skip: skip || (!able && "Python has no stc[serve]") }, () => {
  let browser, server, url;
  before(async () => {
    server = spawn(PYTHON, ["-m", "stc", "serve", "--port", "0", "--page", join(DIST, "stc.html")], { stdio: ["ignore", "ignore", "pipe"] });
    url = await new Promise((found, failed) => {
      let said = "";
      server.stderr.on("data", (data) => {
        said += data;
        const line = /running on http:\/\/127\.0\.0\.1:(\d+)/.exec(said);
        if (line) found(`http://localhost:${line[1]}/`);
      });
      server.on("exit", () => failed(new Error(said)));
    });
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    server?.kill("SIGINT");
  });

  it("offers the page, which reads and verifies a card", async () => {
    const page = await open(browser, url);
    const key = newKey("ES256", "1");
    await drop(page, face(192), "face.stc");
    assert.equal((await verdict(page)).title, "Not signed");
    await trust(page, jwk(key));
    await closeKeys(page);
    await drop(page, await codePicture(claimText(claims(face(192)), key), 4), "card.png", "image/png");
    assert.equal((await verdict(page)).title, "Verified");
    assert.deepEqual(page.errors, []);
  });

  it("keeps it out of the frames of others", async () => {
    const page = await browser.newPage();
    await page.goto("data:text/html,<p>another page</p>");
    await page.evaluate((url) => new Promise((done) => {
      const frame = document.createElement("iframe");
      frame.onload = done;
      frame.src = url;
      document.body.append(frame);
    }), url);
    const [, frame] = page.frames();
    assert.match(frame.url(), /^chrome-error:/);
    assert.equal(await frame.$("#start"), null);
  });
});
