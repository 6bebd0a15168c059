/** Bytes as callers have them. */
export type Bytes = ArrayBuffer | Uint8Array;

/** A view of the same bytes. Throws TypeError for anything else, such as a string. */
export function bytesOf(data: Bytes): Uint8Array {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  // A Buffer of node, or an array of another frame of a page, is one too.
  if (ArrayBuffer.isView(data))
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  throw new TypeError("expected an ArrayBuffer or a Uint8Array");
}

/** Lower-case hexadecimal digits. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
