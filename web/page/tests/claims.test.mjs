/** Identity claims: whose signature counts, and what is said of those that do not. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { encode } from "cborg";

import { trust as add, closeKeys, drop, open, ready, shot, skip, verdict, visit } from "./browser.mjs";
import { claimText, claims, codePicture, compressed, coseKey, early, expired, face, jwk, newKey, otherFace, otherName, swappedFace, token } from "./cards.mjs";

const ed = newKey("EdDSA", "registry-1"), ec = newKey("ES256", "registry-2"), stranger = newKey("ES256", "stranger");
const impostor = newKey("EdDSA", "registry-1"); // calls his key as the registry calls its own

describe("an identity claim", { skip }, () => {
  let browser, server, page;
  visit((made) => ({ browser, server, page } = made));

  const read = async (text) => {
    await drop(page, await codePicture(text, 4), "card.png", "image/png");
    return verdict(page);
  };
  const trust = async (data, name) => {
    const said = await add(page, data, name);
    await closeKeys(page);
    return said;
  };

  it("is not verified before a key is imported", async () => {
    const { title, level, text } = await read(claimText(claims(face()), ed));
    assert.equal(title, "Nothing to check the signature with");
    assert.equal(level, "warn");
    assert.match(text, /On the card \(not verified\)/);
  });

  it("is verified by a JWK and by a COSE key, and says by whose and until when", async () => {
    assert.match(await trust(jwk(ed), "Civil registry.json"), /Added: Civil registry/);
    assert.match(await trust(coseKey(ec), "Ministry.cbor"), /Added: Ministry/);
    for (const [key, name] of [[ed, "Civil registry"], [ec, "Ministry"]]) {
      const { title, level, text } = await read(claimText(claims(face()), key));
      assert.equal(title, "Verified");
      assert.equal(level, "good");
      const model = "model stc-open-1", sum = `checksum ${face().subarray(-2).toString("hex")}`;
      for (const part of [name, "Amina Diallo", "January 2, 1988", "female", "Valid until", "https://id.example", `${face().length} bytes`, model, sum, "may have been withdrawn"]) {
        assert.ok(text.includes(part), part);
      }
      assert.ok(await page.$(".portrait canvas"));
    }
    await shot(page, "claim-verified");
  });

  const bad = [
    ["changed", claimText(claims(face()), ed, { tamper: otherName }), "Changed or forged", "bad"],
    ["of a swapped face", claimText(claims(face()), ed, { tamper: swappedFace }), "Changed or forged", "bad"],
    ["signed by an impostor", claimText(claims(face()), impostor), "Changed or forged", "bad"],
    ["of a cut signature", claimText(claims(face()), ed, { tamper: (parts) => [...parts.slice(0, 3), parts[3].slice(1)] }), "Changed or forged", "bad"],
    ["of another signer", claimText(claims(face()), stranger), "Signer not known", "warn"],
    ["expired", claimText(claims(face(), expired), ec), "Expired", "bad"],
    ["not valid yet", claimText(claims(face(), early), ed), "Not valid yet", "bad"],
    ["with a face of another model", claimText(claims(otherFace), ed), "Face of another model", "warn"],
    ["with a damaged face", claimText(claims(Buffer.from("fac1ca63000000", "hex")), ed), "The face is damaged", "warn"],
    ["without a face", claimText(claims(face(), { identity: [[62, []]] }), ed), "No face on this card", "warn"],
    ["signed in an unknown way", claimText(claims(face()), ed, { number: -39 }), "Signature of an unknown kind", "warn"],
    ["signed by no algorithm", claimText(claims(face()), ed, { tamper: ([, ...rest]) => [encode(new Map()), ...rest] }), "Signature of an unknown kind", "warn"],
    ["of an empty signature", claimText(claims(face()), ed, { tamper: (parts) => [...parts.slice(0, 3), new Uint8Array(0)] }), "Nobody signed this card", "bad"],
    ["that nobody signed", compressed(encode(claims(face()))), "Nobody signed this card", "bad"],
    ["changed and expired", claimText(claims(face(), expired), ed, { tamper: otherName }), "Changed or forged", "bad"],
  ];
  for (const [what, text, title, level] of bad) {
    it(`is not verified if it is ${what}`, async () => {
      const found = await read(text);
      assert.equal(found.title, title);
      assert.equal(found.level, level);
      assert.ok(!found.text.includes("Now compare"), "words of a card that is verified");
      if (level === "bad" && !/Expired|Not valid/.test(title)) {
        assert.ok(!found.text.includes("Amina"), "what a forger wrote is shown only on request");
        assert.equal(await page.$(".portrait canvas"), null);
      }
      await shot(page, `claim-${what.replaceAll(" ", "-")}`);
    });
  }

  it("of a forger is shown on request, and still is not verified", async () => {
    await read(claimText(claims(face()), ed, { tamper: swappedFace }));
    await page.click(".portrait button");
    const { level, text } = await verdict(page);
    assert.equal(level, "bad");
    assert.ok(await page.$(".sheet.bad .portrait canvas"));
    assert.match(text, /On the card \(not verified\)/);
    assert.equal(await page.evaluate(() => document.activeElement.id), "compare", "the keyboard goes on from there");
  });

  it("is not read at all if it is damaged", async () => {
    const whole = claimText(claims(face()), ed);
    const crit = ([head, ...rest]) => [encode(new Map([[1, -8], [2, [99]], [99, 1]])), ...rest];
    const twice = Buffer.from("a2040004" + "00", "hex");
    for (const text of [whole.slice(0, -30), compressed(Buffer.from("d83dd284", "hex")), claimText(claims(face()), ed, { tamper: crit }),
      compressed(twice), compressed(Buffer.alloc(1 << 20)), claimText(new Map([[1, "x"]]), ed), claimText(claims(face(), { 4: "never" }), ed)]) {
      const { title, level } = await read(text);
      assert.equal(title, "This cannot be read");
      assert.equal(level, "bad");
    }
  });

  it("is read from a file of its token, too", async () => {
    await drop(page, token(claims(face()), ed), "card.cbor");
    assert.equal((await verdict(page)).title, "Verified");
  });

  it("shows an ordinary picture of a card that has no other", async () => {
    const dot = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");
    const other = new Map([[0, new Uint8Array(dot)], [1, 0], [2, 0]]);
    const { title } = await read(claimText(claims(face(), { identity: [[62, [other]]] }), ed));
    assert.equal(title, "An ordinary picture");
    await page.waitForFunction(() => document.querySelector(".portrait img")?.naturalWidth === 1);
  });

  it("keeps the keys on the device, until they are removed", async () => {
    await page.reload();
    await ready(page);
    assert.equal(await page.$eval("#keys-count", (element) => element.textContent), "2");
    assert.equal((await read(claimText(claims(face()), ed))).title, "Verified");
    await page.click("#keys-open");
    await page.click("#keys-list button");
    await page.click("#keys-list button");
    assert.equal(await page.$eval("#keys-count", (element) => element.textContent), "1");
    await page.click("#keys-close");
    // What is on the page is judged anew.
    await page.waitForFunction(() => document.getElementById("verdict")?.textContent === "Signer not known");
  });

  it("takes no private key, nor anything else that is no key", async () => {
    const secret = JSON.stringify(ed.privateKey.export({ format: "jwk" }));
    assert.match(await trust(secret, "secret.json"), /PRIVATE/);
    assert.match(await trust(ed.privateKey.export({ format: "pem", type: "pkcs8" }), "secret.pem"), /PRIVATE/);
    assert.match(await trust('{"kty":"RSA","n":"AQ","e":"AQAB"}', "rsa.json"), /no use/);
    assert.match(await trust('{"kty":"OKP","crv":"Ed25519","x":"AA"}', "short.json"), /not a key/);
    assert.match(await trust('{"keys":[]}', "none.json"), /not a key/);
    assert.match(await trust(jwk(stranger, { use: "enc" }), "encryption.json"), /no use/);
    assert.match(await trust('{"keys":[{"kty":"oct","k":"AAAA"}]}', "shared.json"), /PRIVATE/);
    assert.equal(await page.$eval("#keys-count", (element) => element.textContent), "1");
    assert.match(await trust(ed.publicKey.export({ format: "pem", type: "spki" }), "Civil registry.pem"), /Added/);
    assert.equal((await read(claimText(claims(face()), ed))).title, "Verified");
  });

  it("takes from a set of keys those that it can use", async () => {
    const third = newKey("ES256", "third");
    const set = `{"keys":[{"kty":"RSA","n":"AQ","e":"AQAB"},${jwk(third)}]}`;
    assert.match(await trust(set, "Ministry.json"), /Added: Ministry.*left out: 1/);
    assert.equal((await read(claimText(claims(face()), third))).title, "Verified");
  });

  it("is verified where WebCrypto has no Ed25519", async () => {
    const old = await open(browser, server.url);
    await old.evaluate(() => {
      const given = crypto.subtle.importKey.bind(crypto.subtle);
      crypto.subtle.importKey = async (form, key, how, ...rest) => {
        if (how.name === "Ed25519") throw new DOMException("Unrecognized name.", "NotSupportedError");
        return given(form, key, how, ...rest);
      };
    });
    assert.match(await add(old, jwk(ed), "Civil registry.json"), /Added/);
    await closeKeys(old);
    for (const [text, title] of [[claimText(claims(face()), ed), "Verified"], [bad[0][1], "Changed or forged"], [bad[2][1], "Changed or forged"]]) {
      await drop(old, await codePicture(text, 4), "card.png", "image/png");
      assert.equal((await verdict(old)).title, title);
    }
    assert.deepEqual(old.errors, []);
  });

  it("never makes the page ask for anything elsewhere, or fail", () => assert.deepEqual(page.errors, []));
});
