/** How the page looks and is used: narrow, dark, from right to left, by keyboard, by screen reader. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import { drop, open, shot, skip, trust, verdict, visit } from "./browser.mjs";
import { claimText, claims, codePicture, expired, face, jwk, newKey, otherName } from "./cards.mjs";

const axe = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");
const languages = readdirSync(new URL("../locales/", import.meta.url)).map((name) => name.replace(".json", ""));
const key = newKey("ES256", "1");
const SIZES = [[320, "light"], [390, "dark"], [1100, "light"]];

describe("the page", { skip }, () => {
  let browser, server, cards;
  visit((made) => ({ browser, server } = made));
  before(async () => {
    const card = (...words) => codePicture(claimText(...words), 4);
    cards = {
      verified: await card(claims(face()), key),
      forged: await card(claims(face()), key, { tamper: otherName }),
      expired: await card(claims(face(), expired), key),
      unknown: await card(claims(face()), newKey("ES256", "2")),
    };
  });

  const fits = async (page, what) => {
    const [wide, seen, out] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth,
      [...document.querySelectorAll("button, h1, h2, p, dd, select")].filter((one) => {
        const box = one.getBoundingClientRect();
        return box.width > 0 && !one.closest(".unseen, .skip") && (box.left < -1 || box.right > innerWidth + 1);
      }).map((one) => one.outerHTML.slice(0, 80))]);
    assert.ok(wide <= seen, `${what}: ${wide} px in ${seen}`);
    assert.deepEqual(out, [], what);
  };
  const judged = async (page, what) => {
    await page.evaluate(`${axe}; 0`);
    const found = await page.evaluate(async () => (await axe.run(document, { resultTypes: ["violations"] })).violations
      .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 90)).join(" | ")}`));
    assert.deepEqual(found, [], what);
  };
  const name = (page) => trust(page, jwk(key, { name: "Civil Registry, Thiès" }), "key.json");

  for (const language of languages) {
    for (const [width, scheme] of SIZES) {
      if (width !== 320 && !["en", "ar"].includes(language)) continue;
      it(`in ${language} fits into ${width} px, ${scheme}, and can be read aloud`, async () => {
        const page = await open(browser, server.url, { width, height: 720, scheme, language });
        const shown = `${language}-${width}-${scheme}`;
        assert.equal(await page.evaluate(() => document.documentElement.lang), language);
        await fits(page, "start");
        await judged(page, "start");
        await shot(page, `${shown}-start`);
        await name(page);
        await fits(page, "keys");
        await judged(page, "keys");
        if (width === 320) await shot(page, `${shown}-keys`, false);
        await page.click("#keys-close");
        for (const [what, picture] of Object.entries(cards)) {
          if (!["en", "ar"].includes(language) && what !== "verified" && what !== "forged") continue;
          await drop(page, picture, "card.png", "image/png");
          await verdict(page);
          await fits(page, what);
          if (width === 320) await judged(page, what);
          await shot(page, `${shown}-${what}`);
        }
        assert.deepEqual(page.errors, []);
        await page.browserContext().close();
      });
    }
  }

  it("is used without a mouse", async () => {
    const page = await open(browser, server.url);
    const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.className);
    const order = [];
    for (let i = 0; i < 6; ++i) {
      await page.keyboard.press("Tab");
      order.push(await focused());
    }
    assert.deepEqual(order, ["skip", "keys-open", "language", "camera-start", "file-pick", "paste-open"]);
    await page.keyboard.press("Enter");
    assert.equal(await focused(), "paste-text");
    await page.keyboard.press("Escape");
    assert.equal(await focused(), "paste-open");
    await drop(page, face(128), "face.stc");
    await verdict(page);
    assert.equal(await focused(), "verdict", "the result is where one reads on");
    assert.equal(await page.$eval("#announce", (element) => element.textContent), "Not signed");
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "compare");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#compare-close");
    await fits(page, "comparison");
    await judged(page, "comparison");
    await page.focus("#compare-close");
    await page.keyboard.press("Enter");
    assert.equal(await focused(), "compare");
    await page.focus("#again");
    await page.keyboard.press("Enter");
    assert.equal(await focused(), "camera-start");
  });

  it("changes its language with a card on it, and remembers", async () => {
    const page = await open(browser, server.url);
    await name(page);
    await page.click("#keys-close");
    await drop(page, cards.verified, "card.png", "image/png");
    assert.equal((await verdict(page)).title, "Verified");
    await page.select("#language", "ar");
    await page.waitForFunction(() => document.getElementById("verdict").textContent === "تم التحقق");
    assert.equal(await page.evaluate(() => document.documentElement.dir), "rtl");
    await page.reload();
    assert.equal(await page.evaluate(() => document.documentElement.lang), "ar");
  });

  it("can be installed", async () => {
    const page = await open(browser, server.url);
    const session = await page.createCDPSession();
    const { errors } = await session.send("Page.getAppManifest");
    assert.deepEqual(errors, []);
    const { installabilityErrors } = await session.send("Page.getInstallabilityErrors");
    // A context of a test is private, which is the one thing that may stand in the way.
    assert.deepEqual(installabilityErrors.map((one) => one.errorId).filter((id) => id !== "in-incognito"), []);
  });
});
