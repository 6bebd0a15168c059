/** Without a network: the page that was visited once, and the page in one file. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";

import { DIST, closeKeys, drop, kept, launch, open, ready, serve, skip, trust, verdict } from "./browser.mjs";
import { claimText, claims, codePicture, face, jwk, newKey } from "./cards.mjs";
import { photograph } from "./camera.mjs";

const key = newKey("ES256", "1");

describe("without a network", { skip }, () => {
  let browser;
  before(async () => (browser = await launch(await photograph(await codePicture(claimText(claims(face(192)), key), 4), { turn: "rotate(4deg) scale(1.2)" }))));
  after(() => browser?.close());

  const use = async (page) => {
    await drop(page, face(192));
    assert.equal((await verdict(page)).title, "Not signed");
    await trust(page, jwk(key));
    await closeKeys(page);
    await drop(page, await codePicture(claimText(claims(face(192)), key), 4), "card.png", "image/png");
    assert.equal((await verdict(page)).title, "Verified");
    await page.click("#again");
    await page.waitForSelector("#start:not([hidden])");
    await page.click("#camera-start");
    assert.equal((await verdict(page)).title, "Verified");
  };

  it("the page works after the first visit, its server gone", async () => {
    const server = await serve();
    const page = await open(browser, server.url);
    await kept(page);
    await server.down();
    await page.reload();
    await ready(page);
    assert.match(await page.$eval("footer", (footer) => footer.innerText), /Works without a network/);
    await use(page);
    assert.deepEqual(page.errors, []);
  });

  it("the page in one file opens from disk, alone in its folder", async () => {
    const folder = mkdtempSync(join(tmpdir(), "stc-"));
    cpSync(join(DIST, "stc.html"), join(folder, "card reader.html"));
    const page = await open(browser, pathToFileURL(join(folder, "card reader.html")).href);
    await use(page);
    await page.reload();
    await ready(page);
    assert.equal(await page.$eval("#keys-count", (element) => element.textContent), "1", "the key was kept");
    assert.deepEqual(page.errors, []);
    rmSync(folder, { recursive: true });
  });

  it("a new release replaces the old one as a whole, when the user says so", async () => {
    const server = await serve();
    const page = await open(browser, server.url);
    await kept(page);
    await page.reload();
    await ready(page);
    assert.ok(await page.$eval("#update", (element) => element.hidden));
    server.change("sw.js", (text) => text.replace(/stc-page-/g, "stc-page-next-"));
    await page.evaluate(async () => (await navigator.serviceWorker.getRegistration()).update());
    await page.waitForSelector("#update:not([hidden])");
    await Promise.all([page.waitForNavigation(), page.click("#update-use")]);
    await ready(page);
    await server.down();
  });
});

describe("what is served", () => {
  const all = (name) => readFileSync(join(DIST, name), "utf8");

  it("is at most 12 MB, as is the one file", () => {
    const names = readdirSync(DIST).filter((name) => name !== "stc.html");
    const bytes = names.reduce((sum, name) => sum + statSync(join(DIST, name)).size, 0);
    const alone = statSync(join(DIST, "stc.html")).size;
    console.log(`# served: ${bytes} bytes in ${names.length} files; alone: ${alone} bytes`);
    assert.ok(bytes <= 12e6 && alone <= 12e6);
  });

  it("names no other server", () => {
    for (const name of ["index.html", "app.js", "style.css", "sw.js", "app.webmanifest"]) {
      const found = (all(name).match(/(?:https?:)?\/\/[a-z0-9-]+\.[a-z]+[^\s"'`]*/g) ?? []).filter((url) => !url.includes("www.w3.org"));
      assert.deepEqual(found, [], name);
    }
  });

  it("allows no script, style or connection but its own", () => {
    const policy = (name) => /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(all(name))[1];
    for (const name of ["index.html", "stc.html"]) {
      assert.match(policy(name), /^default-src 'none'/);
      assert.doesNotMatch(policy(name), /unsafe-inline|'unsafe-eval'|\*|https?:/);
    }
    assert.match(policy("stc.html"), /connect-src 'none'/);
  });
});

describe("the policy", { skip }, () => {
  it("holds in the browser", async () => {
    const server = await serve();
    const browser = await launch();
    const page = await open(browser, server.url);
    const done = await page.evaluate(async () => {
      const script = document.createElement("script");
      const tries = [() => (script.textContent = "window.foreign = 1"), () => (document.body.innerHTML = "<b>x</b>")];
      const thrown = tries.map((attempt) => {
        try {
          attempt();
          return false;
        } catch {
          return true;
        }
      });
      document.body.append(script);
      const fetched = await fetch("https://example.org/").then(() => true, () => false);
      return { thrown, fetched, foreign: window.foreign ?? null };
    });
    assert.deepEqual(done, { thrown: [true, true], fetched: false, foreign: null });
    await browser.close();
    await server.down();
  });
});
