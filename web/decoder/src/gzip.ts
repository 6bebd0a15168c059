/** Model files as they travel: gzip takes a tenth off them. */

import { BackendError, WrongModelError } from "./errors.js";
import { inflate } from "./inflate.js";

/** The bytes of a model file, which may be compressed by gzip. Throws WrongModelError. */
export async function unzipped(file: Uint8Array, limit: number): Promise<Uint8Array> {
  if (file.length < 2 || file[0] !== 0x1f || file[1] !== 0x8b) return file;
  if (globalThis.DecompressionStream === undefined) {
    throw new BackendError("this browser cannot unpack the model: update it");
  }
  try {
    return await inflate(file, "gzip", limit);
  } catch (error) {
    throw new WrongModelError(`the model does not unpack: ${String(error)}`);
  }
}
