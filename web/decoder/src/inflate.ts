/** Decompression of what strangers may have made: bounded, whatever the data says. */

/**
 * Format "deflate" is that of zlib. Throws RangeError for more than `most` bytes, TypeError for data that
 * is not of the format, ends early or goes on after its end.
 */
export async function inflate(
  data: Uint8Array,
  format: "deflate" | "gzip",
  most: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([data as Uint8Array<ArrayBuffer>]).stream();
  const reader = stream.pipeThrough(new DecompressionStream(format)).getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > most) {
      await reader.cancel();
      throw new RangeError(`more than ${most} bytes`);
    }
    parts.push(value);
  }
  const whole = new Uint8Array(size);
  let end = 0;
  for (const part of parts) {
    whole.set(part, end);
    end += part.length;
  }
  return whole;
}
