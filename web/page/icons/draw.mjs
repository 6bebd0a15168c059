// Draws the PNG icons from icon.svg: node icons/draw.mjs
import { readFileSync, writeFileSync } from "node:fs";

import { launch } from "../tests/browser.mjs";

const svg = readFileSync(new URL("icon.svg", import.meta.url), "utf8");
// Masks cut away up to a fifth at every side: the drawing is smaller, the ground reaches the edge.
const masked = svg.replace('viewBox="0 0 48 48"', 'viewBox="-7 -7 62 62"').replace('<rect width="48" height="48" rx="11"', '<rect x="-7" y="-7" width="62" height="62"');
const browser = await launch();
const page = await browser.newPage();
for (const [name, size, drawing] of [["icon-180", 180, masked], ["icon-192", 192, svg], ["icon-512", 512, svg], ["icon-mask", 512, masked]]) {
  await page.setViewport({ width: size, height: size });
  await page.setContent(`<style>html,body{margin:0;background:transparent}svg{display:block;width:100vw}</style>${drawing}`);
  writeFileSync(new URL(`${name}.png`, import.meta.url), await page.screenshot({ omitBackground: true }));
}
await browser.close();
