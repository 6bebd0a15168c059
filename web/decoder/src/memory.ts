/** The memory of the core, filled from its beginning to its end with what lives as long as it. */

import { BackendError } from "./errors.js";

const PAGE = 1 << 16; // bytes by which memory grows
const ALIGNMENT = 64;

type Call = (...numbers: number[]) => number;

/** The functions of stc/native/core.cpp; pointers are numbers. */
export interface Exports {
  memory: WebAssembly.Memory;
  stc_heap: Call;
  stc_decode: Call;
  stc_unpack: Call;
  stc_planes: Call;
  stc_planes_scratch: Call;
  stc_render: Call;
  stc_render_scratch: Call;
  stc_render_large: Call;
  stc_render_large_scratch: Call;
}

export class Memory {
  readonly #core: Exports;
  #end: number;

  constructor(core: Exports) {
    this.#core = core;
    this.#end = core.stc_heap();
  }

  /** The address of so many bytes, which nobody else gets. Throws BackendError. */
  reserve(bytes: number): number {
    const start = Math.ceil(this.#end / ALIGNMENT) * ALIGNMENT;
    const missing = start + bytes - this.#core.memory.buffer.byteLength;
    if (missing > 0) {
      try {
        this.#core.memory.grow(Math.ceil(missing / PAGE));
      } catch {
        throw new BackendError(`not enough memory: the model needs ${start + bytes} bytes`);
      }
    }
    this.#end = start + bytes;
    return start;
  }

  /** What `work` returns; what it reserves is free again afterwards. */
  borrow<Result>(work: () => Result): Result {
    const kept = this.#end;
    const result = work();
    this.#end = kept;
    return result;
  }

  /** The address of a copy of bytes. */
  put(bytes: Uint8Array): number {
    const start = this.reserve(bytes.length);
    this.bytes(start, bytes.length).set(bytes);
    return start;
  }

  /** The address of a copy of numbers, as 32-bit integers. */
  put32(numbers: ArrayLike<number>): number {
    const start = this.reserve(4 * numbers.length);
    new Uint32Array(this.#core.memory.buffer, start, numbers.length).set(numbers);
    return start;
  }

  // Views, valid until memory is reserved again.

  bytes(address: number, size: number): Uint8Array {
    return new Uint8Array(this.#core.memory.buffer, address, size);
  }

  integers(address: number, size: number): Int32Array {
    return new Int32Array(this.#core.memory.buffer, address, size);
  }

  floats(address: number, size: number): Float32Array {
    return new Float32Array(this.#core.memory.buffer, address, size);
  }
}
