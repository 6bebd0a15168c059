/** `open` and `Decoder`: .stc files -> pictures. */

import { type Bytes, bytesOf } from "./bytes.js";
import { readContainer } from "./container.js";
import { Core, SIDE, type Tokens } from "./core.js";
import { BackendError, CorruptError, ModelMissingError, WrongModelError } from "./errors.js";
import { CORE } from "./generated/core.js";
import { type Header, parseHeader } from "./header.js";
import { type Shapes, checkShapes } from "./shapes.js";

export interface Options {
  /** The file has no header: its carrier says so, and that this is its model. */
  bare?: boolean;
}

export interface DrawOptions extends Options {
  /** Pixels along a side: 128, or 256 if the model has an upscaler. 128 if not given. */
  size?: 128 | 256;
}

/** A picture, sRGB, four bytes a pixel; `new ImageData(picture.data, picture.width)` takes it. */
export interface Picture {
  width: number;
  height: number;
  data: Uint8ClampedArray<ArrayBuffer>;
}

/** What a file says of itself. */
export interface FileInfo {
  version: number;
  /** The name of the model. */
  model: string;
  /** The first two bytes of the model's fingerprint, in hexadecimal. */
  fingerprint: string;
  tokens: number;
  group: number;
  /** The size of the file. */
  bytes: number;
  /** How many of these are no payload. */
  overhead: number;
  /** The two bytes of the checksum, in hexadecimal; null in a bare file. */
  checksum: string | null;
  /** The ideal code length of the tokens of every level that the file reaches, in bits. */
  bitsPerLevel: number[];
}

/**
 * A model file, whole or cut by model.py, compressed by gzip or not -> its decoder.
 *
 * wasm: the core, if it is not to be the one inside this package: bytes, or a compiled module.
 *
 * Throws WrongModelError for a file that is damaged or no model, BackendError for a machine that
 * cannot run the core (WebAssembly with vectors of 128 bits, which browsers have since 2021 to 2023).
 */
export async function open(model: Bytes, wasm?: Bytes | WebAssembly.Module): Promise<Decoder> {
  const [container, instance] = await Promise.all([readContainer(bytesOf(model)), start(wasm)]);
  const shapes = checkShapes(container);
  const core = new Core(instance, container, shapes);
  return new Decoder(container.name, container.fingerprint, shapes, core);
}

async function start(wasm?: Bytes | WebAssembly.Module): Promise<WebAssembly.Instance> {
  try {
    if (wasm instanceof WebAssembly.Module) return await WebAssembly.instantiate(wasm, {});
    const bytes = wasm === undefined ? embedded() : bytesOf(wasm);
    return (await WebAssembly.instantiate(bytes as Uint8Array<ArrayBuffer>, {})).instance;
  } catch (error) {
    throw new BackendError(`WebAssembly cannot run the core here: ${String(error)}`);
  }
}

function embedded(): Uint8Array {
  const letters = atob(CORE);
  const bytes = new Uint8Array(letters.length);
  // Some twenty times as fast as Uint8Array.from with a function.
  for (let i = 0; i < bytes.length; ++i) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

/** Draws the faces of one model. Made by `open`. */
export class Decoder {
  /** The name of the model. */
  readonly name: string;
  /** SHA-256 in hexadecimal; files carry its first four digits. */
  readonly fingerprint: string;
  /** Tokens of the largest file of the model. */
  readonly maxTokens: number;
  /** Tokens of the largest file that can be read here: fewer if the model was cut. */
  readonly readable: number;
  /** The largest size that `decode` draws. */
  readonly maxSize: 128 | 256;
  readonly #core: Core;

  constructor(name: string, fingerprint: string, shapes: Shapes, core: Core) {
    const levels = shapes.levels.slice(0, shapes.present);
    this.name = name;
    this.fingerprint = fingerprint;
    this.maxTokens = shapes.tokens;
    this.readable = levels.reduce((sum, level) => sum + level.tokens, 0);
    this.maxSize = shapes.upscaler ? 256 : 128;
    this.#core = core;
  }

  /**
   * The picture of a file. Throws FormatError; WrongModelError for a file of another model;
   * ModelMissingError for one that is too large for a model that was cut; RangeError for another
   * size than the model draws.
   */
  decode(file: Bytes, options: DrawOptions = {}): Picture {
    const size = options.size ?? SIDE;
    if (size !== SIDE && size !== this.maxSize) {
      throw new RangeError(`${this.name} draws up to ${this.maxSize} pixels, not ${size}`);
    }
    const { payload, tokens } = this.#header(bytesOf(file), options);
    const rgb = this.#core.draw(this.#core.decode(payload, tokens), size > SIDE);
    const data = new Uint8ClampedArray(4 * size * size).fill(255);
    for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
      data[to] = rgb[from];
      data[to + 1] = rgb[from + 1];
      data[to + 2] = rgb[from + 2];
    }
    return { width: size, height: size, data };
  }

  /** The group and the indices of a file. Throws as `decode` does. */
  tokens(file: Bytes, options: Options = {}): Tokens {
    const { payload, tokens } = this.#header(bytesOf(file), options);
    return this.#core.decode(payload, tokens);
  }

  /** What a file says of itself, without drawing it. Throws as `decode` does. */
  info(file: Bytes, options: Options = {}): FileInfo {
    const data = bytesOf(file);
    const { version, checksum, payload, tokens } = this.#header(data, options);
    const found = this.#core.decode(payload, tokens);
    return {
      version,
      model: this.name,
      fingerprint: this.fingerprint.slice(0, 4),
      tokens,
      group: found.group,
      bytes: data.length,
      overhead: data.length - payload.length,
      checksum,
      bitsPerLevel: this.#core.bitsPerLevel(found),
    };
  }

  #header(data: Uint8Array, { bare = false }: Options): Header {
    const header = parseHeader(data, bare);
    const { fingerprint, tokens } = header;
    if (fingerprint !== null && !this.fingerprint.startsWith(fingerprint)) {
      const own = `${this.name} (${this.fingerprint.slice(0, 4)})`;
      throw new WrongModelError(`the file needs model ${fingerprint}, this is ${own}`);
    }
    if (tokens > this.maxTokens) {
      throw new CorruptError(`the file states ${tokens} tokens, the model has ${this.maxTokens}`);
    }
    if (tokens > this.readable) {
      throw new ModelMissingError(
        `the file has ${tokens} tokens, this model was cut to its first ${this.readable}`,
      );
    }
    return header;
  }
}
