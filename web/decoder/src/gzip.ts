/** Model files as they travel: gzip takes a tenth off them. */

import { BackendError, WrongModelError } from "./errors.js";

/** The bytes of a model file, which may be compressed by gzip. Throws WrongModelError. */
export async function unzipped(file: Uint8Array, limit: number): Promise<Uint8Array> {
  if (file.length < 2 || file[0] !== 0x1f || file[1] !== 0x8b) return file;
  if (globalThis.DecompressionStream === undefined) {
    throw new BackendError("this browser cannot unpack the model: update it");
  }
  const packed = new Blob([file as Uint8Array<ArrayBuffer>]).stream();
  const reader = packed.pipeThrough(new DecompressionStream("gzip")).getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      throw new WrongModelError(`the model does not unpack: ${String(error)}`);
    });
    if (done) break;
    size += value.length;
    if (size > limit) {
      await reader.cancel();
      throw new WrongModelError(`the model unpacks to more than ${limit} bytes`);
    }
    parts.push(value);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
