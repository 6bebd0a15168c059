/** Chromium, without a window, and the page in it. CHROMIUM names another program than Debian's. */
import { createServer } from "node:http";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";

import puppeteer from "puppeteer-core";

export const here = fileURLToPath(new URL("..", import.meta.url));
export const DIST = join(here, "dist");
export const SHOTS = join(here, "shots");
mkdirSync(SHOTS, { recursive: true });

const PROGRAM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const PATIENCE = 300_000; // milliseconds, since a machine may be slow; nothing here judges how fast it is
export const skip = !existsSync(PROGRAM) && `no Chromium at ${PROGRAM}`;

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png", ".webmanifest": "application/manifest+json" };

/** Serves dist/ on this machine. change: what a file becomes; down: there is no network any more. */
export async function serve() {
  const changes = new Map();
  const server = createServer((request, response) => {
    const path = new URL(request.url, "http://localhost").pathname;
    const file = join(DIST, path === "/" ? "index.html" : path);
    if (!file.startsWith(DIST) || !existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" });
    const change = changes.get(path.slice(1));
    response.end(change ? change(readFileSync(file, "utf8")) : readFileSync(file));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const url = `http://localhost:${server.address().port}/`;
  return { url, change: (name, how) => changes.set(name, how), down: () => new Promise((done) => { server.closeAllConnections(); server.close(done); }) };
}

/** camera: a JPEG that the camera sees. */
export async function launch(camera = null) {
  const words = ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--force-color-profile=srgb"];
  if (camera !== null) {
    const file = join(tmpdir(), `stc-camera-${process.pid}.mjpeg`);
    writeFileSync(file, camera);
    words.push(`--use-file-for-fake-video-capture=${file}`);
  }
  return puppeteer.launch({ executablePath: PROGRAM, headless: true, args: words, timeout: PATIENCE, protocolTimeout: PATIENCE });
}

/** A page that fails its test if it logs an error, or asks for anything outside its own address. */
export async function open(browser, url, { width = 390, height = 844, scheme = "light", language = "en" } = {}) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.errors = [];
  page.on("console", (message) => message.type() === "error" && page.errors.push(message.text()));
  page.on("pageerror", (error) => page.errors.push(String(error)));
  page.on("request", (request) => {
    const asked = request.url();
    if (!asked.startsWith(url.replace(/[^/]*$/, "")) && !/^(blob|data):/.test(asked)) page.errors.push(`asked for ${asked}`);
  });
  await page.setViewport({ width, height, deviceScaleFactor: 2, isMobile: width < 600, hasTouch: width < 600 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.evaluateOnNewDocument((code) => Object.defineProperty(navigator, "languages", { value: [code] }), language);
  await page.goto(url);
  await ready(page);
  return page;
}

/** For a whole describe(): given gets { server, browser, page } before its tests, and all end after them. */
export function visit(given) {
  let server, browser;
  before(async () => {
    server = await serve();
    browser = await launch();
    given({ server, browser, page: await open(browser, server.url) });
  });
  after(async () => {
    await browser?.close();
    await server?.down();
  });
}

export const ready = (page) => page.waitForSelector("html[data-ready]");

/** Waits until the page keeps itself on the device. */
export const kept = (page) => page.waitForSelector("html[data-kept]");

/** Gives the page a file as if it were dropped on it. */
export async function drop(page, data, name = "file.bin", type = "") {
  await page.evaluate((base64, name, type) => {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type }));
    document.getElementById("result").replaceChildren();
    dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }, Buffer.from(data).toString("base64"), name, type);
}

/** Imports a key, by dropping its file. Returns what the page says of it. */
export async function trust(page, data, file = "Civil registry.json") {
  await page.$eval("#keys-message", (element) => (element.textContent = "")); // of the key before
  await drop(page, data, file);
  const said = () => page.$eval("#keys-message", (element) => element.textContent);
  await page.waitForFunction(() => document.getElementById("keys-message").textContent !== "");
  if (await page.$eval("#keys-message.bad", () => true).catch(() => false)) return said();
  await page.click("#keys-add");
  await page.waitForFunction(() => document.getElementById("keys-text").value === "" || document.querySelector("#keys-message.bad"));
  return said();
}

export const closeKeys = (page) => page.click("#keys-close");

/** What the page says of a card: title, level, and the whole text of the result. */
export async function verdict(page) {
  await page.waitForSelector("#result:not([hidden]) #verdict");
  return page.evaluate(() => ({
    title: document.getElementById("verdict").textContent,
    level: document.querySelector(".verdict").classList[1],
    text: document.getElementById("result").innerText,
  }));
}

/** The pixels of the face that is shown. */
export const pixels = (page, where = ".portrait canvas") => page.$eval(where, (canvas) =>
  Array.from(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data));

export const shot = (page, name, full = true) => page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: full });
