/** The large parts of the page: the model and the reader of codes, beside it or inside it. */

import { inflate } from "stc-face";

const MOST = 1 << 24; // bytes of the reader; the decoder has a bound of its own for models

// A page that opens from a file may fetch nothing, so there both are in the page, as text.
async function load(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const inside = document.getElementById(`asset-${name}`);
  if (inside !== null) {
    const letters = atob(inside.textContent!.trim());
    inside.remove();
    const bytes = new Uint8Array(letters.length);
    for (let i = 0; i < letters.length; ++i) bytes[i] = letters.charCodeAt(i);
    return bytes;
  }
  const answer = await fetch(`${name}.bin`);
  if (!answer.ok) throw new Error(`${name}.bin: ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** Compressed, as `open` takes it, too. */
export const loadModel = (): Promise<Uint8Array<ArrayBuffer>> => load("model");

export async function loadReader(): Promise<Uint8Array<ArrayBuffer>> {
  const data = await load("reader");
  // Some servers undo the compression on the way.
  return data[0] === 0x1f && data[1] === 0x8b ? inflate(data, "gzip", MOST) : data;
}
