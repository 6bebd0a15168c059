/** How long the page takes from a card to a face, in Chromium without a window: node bench.mjs */
import { cpus } from "node:os";

import { drop, launch, open, serve, skip, verdict } from "./tests/browser.mjs";
import { face } from "./tests/cards.mjs";

const CARDS = 25;

if (skip) throw new Error(skip);
const server = await serve();
const browser = await launch();
const page = await open(browser, server.url);
const session = await page.createCDPSession();
await session.send("Performance.enable", { timeDomain: "threadTicks" });
const spent = async () => (await session.send("Performance.getMetrics")).metrics.find((one) => one.name === "TaskDuration").value;

const clock = [], processor = [];
for (let i = 0; i < CARDS; ++i) {
  const start = [performance.now(), await spent()];
  await drop(page, face(192));
  await verdict(page);
  clock.push(performance.now() - start[0]);
  processor.push(1000 * (await spent() - start[1]));
}
const decoding = await page.evaluate(() => performance.getEntriesByName("stc-decode", "measure").map((one) => one.duration));

console.log(`${cpus()[0].model}, ${await browser.version()}, node ${process.version}; a file of 192 bytes, milliseconds`);
console.log("what                     first    p20    p50    p80");
const row = (what, times) => {
  const later = times.slice(1).sort((a, b) => a - b);
  const shown = [times[0], ...[0.2, 0.5, 0.8].map((part) => later[Math.floor(part * later.length)])];
  console.log(what.padEnd(23) + shown.map((time) => time.toFixed().padStart(7)).join(""));
};
row("drop to verdict", clock);
row("of it, processor", processor);
row("decoding, by the clock", decoding);

await browser.close();
await server.down();
