/** The native core in WebAssembly, with one model in its memory. */

import { type Container, type Entry, wrong } from "./container.js";
import { CorruptError, ModelError } from "./errors.js";
import { type Exports, Memory } from "./memory.js";
import { type Level, PLANES, type Shapes, decoderArrays, upscalerArrays } from "./shapes.js";

export const SIDE = 128; // of a picture, twice that from an upscaler
const TOTAL = 1 << 16; // every row of frequencies sums to this
const REASONS: Record<number, string> = {
  1: "the payload decodes to no symbol",
  2: "the payload is not in its shortest form",
};

/** Group and indices of a face. */
export interface Tokens {
  group: number;
  indices: Int32Array;
}

export class Core {
  readonly #core: Exports;
  readonly #memory: Memory;
  readonly #shapes: Shapes;
  readonly #counts: Uint32Array[]; // of the groups, then of every level that is there
  readonly #at: Record<
    | "shape"
    | "widths"
    | "counts"
    | "linear"
    | "decoder"
    | "large"
    | "upscaler"
    | "payload"
    | "found"
    | "planes"
    | "spent"
    | "rgb",
    number
  >;
  readonly #scratch: readonly [address: number, bytes: number];

  /** Throws WrongModelError for arrays that contradict each other, BackendError without memory. */
  constructor(instance: WebAssembly.Instance, { entries }: Container, shapes: Shapes) {
    this.#core = instance.exports as unknown as Exports;
    const memory = (this.#memory = new Memory(this.#core));
    this.#shapes = shapes;
    const levels = shapes.levels.slice(0, shapes.present);
    const names = levels.map((_, l) => `levels.${l}`);
    this.#counts = ["groups", ...names].map((name) => frequencies(entries, `${name}.counts`));
    names.forEach((name, l) => checkWidths(entries, name, levels[l]));
    const array = (name: string) => memory.put(entries.get(name)!.bytes!);
    const linear = names.flatMap((name) => [
      array(`${name}.widths`),
      ...this.#matrix(entries, `${name}.codebooks`),
      ...this.#matrix(entries, `${name}.synthesis`),
    ]);
    const { upscaler, widths } = shapes;
    const decoder = decoderArrays(widths).map(([name]) => array(name));
    const more = upscaler ? upscalerArrays(widths, upscaler).map(([name]) => array(name)) : [];
    const sizes = levels.flatMap((l) => [l.components, l.tokens, l.codewords, l.columns, l.groups]);
    this.#at = {
      shape: memory.put32([shapes.groups, shapes.components, levels.length, ...sizes]),
      widths: memory.put32(shapes.widths),
      counts: memory.put32(this.#counts.map((own) => memory.put32(own))),
      linear: memory.put32([array("mean"), ...this.#matrix(entries, "basis"), ...linear]),
      decoder: memory.put32(decoder),
      large: memory.put32([...shapes.widths, ...(upscaler ?? [])]),
      upscaler: memory.put32([...decoder, ...more]),
      payload: memory.reserve(maxPayload(shapes.tokens)),
      found: memory.reserve(4 * (1 + shapes.tokens)),
      planes: memory.reserve(4 * PLANES),
      spent: memory.reserve(4),
      rgb: memory.reserve(3 * (upscaler ? 2 * SIDE : SIDE) ** 2),
    };
    const bytes = Math.max(
      this.#core.stc_planes_scratch(this.#at.shape),
      this.#core.stc_render_scratch(this.#at.widths),
      upscaler ? this.#core.stc_render_large_scratch(this.#at.large) : 0,
    );
    this.#scratch = [memory.reserve(bytes), bytes];
  }

  /** Throws CorruptError for a payload that no writer makes. */
  decode(payload: Uint8Array, count: number): Tokens {
    if (payload.length > maxPayload(count)) {
      throw new CorruptError(`${payload.length} bytes of payload are too many for ${count} tokens`);
    }
    const at = this.#at;
    this.#memory.bytes(at.payload, payload.length).set(payload);
    const failed = this.#core.stc_decode(
      at.payload,
      payload.length,
      at.shape,
      at.counts,
      count,
      at.found,
    );
    if (failed) throw new CorruptError(REASONS[failed] ?? `the core gives error ${failed}`);
    const found = this.#memory.integers(at.found, 1 + count).slice();
    return { group: found[0], indices: found.subarray(1) };
  }

  /**
   * The picture [128, 128, 3] of tokens that `decode` gave, or [256, 256, 3] by the model's
   * upscaler if `large`; a view, valid until the next call.
   */
  draw({ group, indices }: Tokens, large: boolean): Uint8Array {
    const at = this.#at;
    const count = indices.length;
    this.#memory.integers(at.found, count).set(indices);
    this.#memory.floats(at.spent, 1)[0] = count / this.#shapes.tokens;
    check(
      this.#core.stc_planes(
        at.shape,
        at.linear,
        group,
        at.found,
        count,
        at.planes,
        ...this.#scratch,
      ),
    );
    const drawn = [at.planes, at.spent, 1, at.rgb, ...this.#scratch, 1];
    check(
      large
        ? this.#core.stc_render_large(at.large, at.upscaler, ...drawn)
        : this.#core.stc_render(at.widths, at.decoder, ...drawn),
    );
    return this.#memory.bytes(at.rgb, 3 * (large ? 2 * SIDE : SIDE) ** 2);
  }

  /** The ideal code length of the tokens of every level that a face reaches, in bits. */
  bitsPerLevel({ group, indices }: Tokens): number[] {
    const found: number[] = [];
    let token = 0;
    for (let l = 0; token < indices.length; ++l) {
      const { tokens, codewords, groups } = this.#shapes.levels[l];
      const own = groups > 1 ? group : 0;
      let bits = 0;
      for (let t = 0; t < tokens && token < indices.length; ++t, ++token) {
        const place = (own * tokens + t) * codewords + indices[token];
        bits += Math.log2(TOTAL / this.#counts[1 + l][place]);
      }
      found.push(bits);
    }
    return found;
  }

  /** Addresses of a matrix's values in 8 bits, unpacked if need be, and of its scale. */
  #matrix(entries: Map<string, Entry>, name: string): [values: number, scale: number] {
    const memory = this.#memory;
    const part = (word: string) => entries.get(`${name}.${word}`);
    const scale = memory.put(part("scale")!.bytes!);
    if (part("codes") === undefined) return [memory.put(entries.get(name)!.bytes!), scale];
    const rows = part("tops")!.shape.reduce((a, b) => a * b, 1);
    const columns = part("scale")!.shape[0];
    const strong = part("first")?.shape.at(-1) ?? 0;
    const bits = Math.log2(part("curve")!.shape[0]);
    const values = memory.reserve((part("mirror") ? 2 : 1) * rows * columns);
    memory.borrow(() => {
      const words = ["codes", "curve", "tops", "first", "mirror"];
      const parts = words.map((word) => (part(word) ? memory.put(part(word)!.bytes!) : 0));
      check(this.#core.stc_unpack(...parts, rows, columns, strong, bits, values));
    });
    return [values, scale];
  }
}

/** No symbol, the group id among them, costs more than 24 bits; one word may be unused. */
function maxPayload(tokens: number): number {
  return 3 * (tokens + 1) + 8;
}

/** The frequencies in an array; ModelError unless they are at least 1 and rows sum to 2^16. */
function frequencies(entries: Map<string, Entry>, name: string): Uint32Array {
  const { dtype, shape, bytes } = entries.get(name)!;
  const copy = bytes!.slice().buffer; // aligned
  const found = dtype === "U16" ? Uint32Array.from(new Uint16Array(copy)) : new Uint32Array(copy);
  const row = shape[shape.length - 1];
  for (let start = 0; start < found.length; start += row) {
    let sum = 0;
    for (let i = start; i < start + row; ++i) sum += found[i] || Infinity;
    if (sum !== TOTAL) {
      throw new ModelError(`frequencies of ${name} must be at least 1 and sum to ${TOTAL}`);
    }
  }
  return found;
}

/** Throws WrongModelError unless a level's tokens share out the columns of its codebooks. */
function checkWidths(entries: Map<string, Entry>, name: string, level: Level): void {
  const { columns, largest } = level;
  const widths = entries.get(`${name}.widths`)!.bytes!;
  const sum = widths.reduce((a, b) => a + b, 0);
  const most = widths.reduce((a, b) => Math.max(a, b), 0);
  if (sum !== columns || most > largest) {
    const expected = `up to ${largest} and ${columns}`;
    throw wrong(`${name}.widths are up to ${most} and sum to ${sum}, not ${expected}`);
  }
}

function check(error: number): void {
  if (error) throw new ModelError(`the core gives error ${error}`);
}
