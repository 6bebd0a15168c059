/** The face as a PNG that says, on it and in it, that it is reconstructed. */

import { h } from "./dom";
import { t } from "./i18n";
import type { Face } from "./reading";

const SIDE = 512; // pixels

export function saveButton(face: Face): HTMLElement {
  const button = h("button", { type: "button", className: "quiet", id: "save" }, t("save"));
  button.onclick = () => void save(face);
  return button;
}

async function save({ picture, info }: Face): Promise<void> {
  const small = h("canvas", { width: picture.width, height: picture.height });
  small.getContext("2d")!.putImageData(new ImageData(picture.data, picture.width), 0, 0);
  const side = SIDE, band = side / 12;
  const canvas = h("canvas", { width: side, height: side });
  const context = canvas.getContext("2d")!;
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, side, side);
  context.fillStyle = "#1b2225";
  context.fillRect(0, side - band, side, band);
  context.fillStyle = "#ffffff";
  context.font = `600 ${Math.round(band * 0.55)}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(t("mark"), side / 2, side - band / 2, side - 16);
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/png"));
  if (blob === null) return;
  const note = `face reconstructed from ${info.bytes} bytes by STC; not a photograph`;
  const marked = describe(new Uint8Array(await blob.arrayBuffer()), note);
  const url = URL.createObjectURL(new Blob([marked], { type: "image/png" }));
  h("a", { href: url, download: "face.png" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** A PNG file with a chunk tEXt, `Description`, after its header. */
export function describe(png: Uint8Array<ArrayBuffer>, text: string): Uint8Array<ArrayBuffer> {
  const HEADER = 33; // signature and IHDR
  const body = new TextEncoder().encode(`tEXtDescription\0${text}`);
  const found = new Uint8Array(png.length + body.length + 8);
  const view = new DataView(found.buffer);
  found.set(png.subarray(0, HEADER));
  view.setUint32(HEADER, body.length - 4);
  found.set(body, HEADER + 4);
  view.setUint32(HEADER + 4 + body.length, crc(body));
  found.set(png.subarray(HEADER), HEADER + 8 + body.length);
  return found;
}

function crc(data: Uint8Array): number {
  let value = -1;
  for (const byte of data) {
    value ^= byte;
    for (let bit = 0; bit < 8; ++bit) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  return ~value >>> 0;
}
