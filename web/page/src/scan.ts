/** Pictures -> what the codes in them carry. */

import { type ReadResult, prepareZXingModule, readBarcodes } from "zxing-wasm/reader";

import { loadReader } from "./assets";
import { type Carried, recognise, recogniseText } from "./carrier";
import { Failure } from "./failure";

const SIDE = 1600; // pixels of the longer side of a picture that is searched first
const SIDES = [SIDE, 800, 3200]; // and then, if nothing is found
let ready: Promise<unknown> | null = null;

/** Starts loading the reader of codes. */
export function prepare(): Promise<unknown> {
  ready ??= loadReader().then((wasm) =>
    prepareZXingModule({ overrides: { wasmBinary: wasm.buffer }, fireImmediately: true }));
  return ready;
}

async function codes(pixels: ImageData, hard: boolean): Promise<ReadResult[]> {
  await prepare();
  return readBarcodes(pixels, {
    formats: ["QRCode"], tryHarder: hard, tryInvert: hard, maxNumberOfSymbols: 8, textMode: "Plain",
  });
}

/** Puts together codes that belong to one another (structured append), over several frames. */
export class Collector {
  #parts = new Map<string, ReadResult[]>();
  /** How many parts of the last code that is not whole yet: seen, in all. */
  missing: [number, number] | null = null;

  /** What whole codes hold: bytes, and text where a code is of text. */
  add(found: ReadResult[]): { data: Uint8Array; text: string | null }[] {
    const whole = [];
    for (const code of found) {
      if (code.sequenceSize <= 1 || code.sequenceIndex < 0) {
        whole.push({ data: code.bytes, text: code.contentType === "Text" ? code.text : null });
        continue;
      }
      const parts = this.#parts.get(code.sequenceId) ?? [];
      parts[code.sequenceIndex] = code;
      this.#parts.set(code.sequenceId, parts);
      const have = parts.filter(Boolean);
      if (have.length < code.sequenceSize) {
        this.missing = [have.length, code.sequenceSize];
        continue;
      }
      const data = new Uint8Array(have.reduce((sum, part) => sum + part.bytes.length, 0));
      let end = 0;
      for (const part of have) {
        data.set(part.bytes, end);
        end += part.bytes.length;
      }
      whole.push({ data, text: null });
      this.missing = null;
    }
    return whole;
  }
}

export interface Found {
  /** What the codes carry: of one card, usually. */
  carried: Carried[];
  /** Bytes of codes that carry nothing known; one may be a bare file. */
  others: Uint8Array[];
}

/** The codes of one frame of the camera, or of a picture. */
export async function scan(pixels: ImageData, collector: Collector, bare: boolean, hard: boolean): Promise<Found> {
  const carried: Carried[] = [];
  const others: Uint8Array[] = [];
  for (const { data, text } of collector.add(await codes(pixels, hard))) {
    const found = (text === null ? null : recogniseText(text)) ?? recognise(data, bare);
    if (found === null) others.push(data);
    else if (!carried.some((one) => same(one.data, found.data))) carried.push(found);
  }
  return { carried, others };
}

/** The one card in a picture, however large. Throws Failure. */
export async function scanPicture(picture: Blob, bare: boolean): Promise<Found> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(picture);
  } catch (error) {
    throw new Failure("picture", String(error));
  }
  const longer = Math.max(bitmap.width, bitmap.height);
  let others: Uint8Array[] = [];
  const collector = new Collector(); // parts that are found in one size only belong to the others
  for (const side of SIDES) {
    if (side > SIDE && longer <= SIDE) continue;
    const found = await scan(pixelsOf(bitmap, Math.min(1, side / longer)), collector, bare, true);
    if (found.carried.length > 1) throw new Failure("several");
    if (found.carried.length === 1) return found;
    if (found.others.length > 0) others = found.others;
  }
  if (collector.missing !== null) throw new Failure("parts", collector.missing.join("/"));
  return { carried: [], others };
}

/** On white, since the ground of a code may be transparent; with room around what fills the picture. */
function pixelsOf(bitmap: ImageBitmap, scale: number): ImageData {
  const border = 16;
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const canvas = document.createElement("canvas");
  canvas.width = width + 2 * border;
  canvas.height = height + 2 * border;
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, border, border, width, height);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

const same = (one: Uint8Array, two: Uint8Array): boolean =>
  one.length === two.length && one.every((byte, i) => byte === two[i]);
