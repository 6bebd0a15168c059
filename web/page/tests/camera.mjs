/** Pictures for the camera of the tests. */
import { launch } from "./browser.mjs";

/** What a camera sees of a card with a code (a PNG, or null), as a JPEG of 1280 x 720. */
export async function photograph(code, { blur = 0.8, turn = "rotateX(24deg) rotateY(-18deg) rotate(7deg)", light = 1 } = {}) {
  const browser = await launch();
  const page = await browser.newPage();
  const content = code && `<img src="data:image/png;base64,${code.toString("base64")}">`;
  await page.setViewport({ width: 1280, height: 720 });
  await page.setContent(`<style>
    body { margin: 0; height: 100vh; display: grid; place-content: center; perspective: 1400px; overflow: hidden;
      background: repeating-linear-gradient(84deg, #8a6a48, #7b5c3c 40px, #8f7150 90px); filter: blur(${blur}px) brightness(${light}); }
    .card { width: 900px; height: 560px; border-radius: 32px; background: linear-gradient(120deg, #f5f4ee, #dfe6ea 60%, #c9d4da);
      transform: ${turn}; box-shadow: 0 30px 60px #0008; display: flex; align-items: center; gap: 40px; padding: 40px; box-sizing: border-box; }
    .card img { width: 470px; height: 470px; } b { font: 700 44px sans-serif; color: #345 }
  </style><div class="card"><b>Identity<br>card</b>${content ?? ""}</div>`);
  const picture = await page.screenshot({ type: "jpeg", quality: 80 });
  await browser.close();
  return Buffer.from(picture);
}
