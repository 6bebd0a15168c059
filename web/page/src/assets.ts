/** The large parts of the page: the model and the reader of codes, beside it or inside it. */

// A page that opens from a file may fetch nothing, so there both are in the page, as text.
async function load(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const inside = document.getElementById(`asset-${name}`);
  if (inside !== null) {
    const letters = atob(inside.textContent!.trim());
    inside.remove();
    const bytes = new Uint8Array(letters.length);
    for (let i = 0; i < letters.length; ++i) bytes[i] = letters.charCodeAt(i);
    return gunzip(bytes);
  }
  const answer = await fetch(`${name}.bin`);
  if (!answer.ok) throw new Error(`${name}.bin: ${answer.status}`);
  return gunzip(new Uint8Array(await answer.arrayBuffer()));
}

/** Some servers undo the compression on the way. */
async function gunzip(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  if (data[0] !== 0x1f || data[1] !== 0x8b) return data;
  const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export const loadModel = (): Promise<Uint8Array<ArrayBuffer>> => load("model");
export const loadReader = (): Promise<Uint8Array<ArrayBuffer>> => load("reader");
