/** What the arrays of a model must be like, and the sizes that follow; see stc/codec/shapes.py. */

import { type Container, type Entry, wrong } from "./container.js";

export const PLANES = 64 * 64 + 2 * 32 * 32;
const MAX_TOKENS = 32767;
const MAX_SIZE = 65535; // of any axis, so that products of two stay below 2^32
const MAX_BITS = 7;

export interface Level {
  components: number;
  tokens: number;
  codewords: number;
  columns: number;
  groups: number;
  /** Numbers in the largest codeword of any token. */
  largest: number;
}

export interface Shapes {
  groups: number;
  components: number;
  levels: Level[];
  /** Tokens of all levels. */
  tokens: number;
  /** How many of the levels the file has: it may have been cut. */
  present: number;
  /** Channels at 8x8, 16x16, 32x32 and 64x64 places, and numbers in the condition. */
  widths: number[];
  /** Channels of the upscaler at 64x64 and 128x128 places; null for a model without one. */
  upscaler: [number, number] | null;
}

type Size = number | null; // null: any but 0

/** The sizes of a model. Throws WrongModelError unless its arrays fit together. */
export function checkShapes({ entries }: Container): Shapes {
  check(entries, "config", ["U8"], [null]);
  const [groups] = check(entries, "groups.counts", ["U32"], [null]);
  check(entries, "mean", ["F16"], [PLANES]);
  const [, components] = checkMatrix(entries, "basis", [PLANES, null]);
  const levels: Level[] = [];
  let present = 0;
  for (let l = 0; entries.has(`levels.${l}.counts`); ++l) {
    levels.push(checkLevel(entries, l, groups, components));
    const prefix = `levels.${l}.`;
    const own = [...entries].filter(([name]) => name.startsWith(prefix));
    const whole = own.every(([, entry]) => entry.bytes !== null);
    if (whole && present < l) throw wrong(`level ${l} is there, one before it is not`);
    if (whole) ++present;
  }
  for (const [name, { bytes }] of entries) {
    if (bytes === null && !/^levels\.\d+\./.test(name)) throw wrong(`${name} was cut off`);
  }
  const tokens = levels.reduce((sum, level) => sum + level.tokens, 0);
  if (tokens < 1 || tokens > MAX_TOKENS) throw wrong(`it has ${tokens} tokens`);
  if (present === 0) throw wrong("it has no level");
  const [, condition] = check(entries, "decoder.embed.0.weight", ["I8"], [3, null]);
  const shapes: Shapes = { groups, components, levels, tokens, present, widths: [], upscaler: null };
  shapes.widths = [...checkConfig(entries, shapes), condition];
  checkNetwork(entries, decoderArrays(shapes.widths));
  const upscaler = checkUpscaler(entries, shapes.widths);
  return { ...shapes, upscaler };
}

/** The channels of the upscaler, if there is one. */
function checkUpscaler(entries: Map<string, Entry>, widths: number[]): [number, number] | null {
  if (![...entries.keys()].some((name) => name.startsWith("upscaler."))) return null;
  const w64 = check(entries, "upscaler.enter64.weight", ["I8"], [12, 3, 3, null])[3];
  const w128 = check(entries, "upscaler.enter128.weight", ["I8"], [3, 3, 3, null])[3];
  checkNetwork(entries, upscalerArrays(widths, [w64, w128]));
  return [w64, w128];
}

function checkNetwork(entries: Map<string, Entry>, arrays: Arrays): void {
  for (const [name, shape] of arrays) {
    check(entries, name, [shape.length > 1 ? "I8" : "F16"], shape);
  }
}

function checkLevel(
  entries: Map<string, Entry>,
  l: number,
  groups: number,
  components: number,
): Level {
  const name = `levels.${l}`;
  const [own, tokens, codewords] = check(
    entries,
    `${name}.counts`,
    ["U16", "U32"],
    [null, null, null],
  );
  if (own !== 1 && own !== groups) throw wrong(`${name} has ${own} groups of ${groups}`);
  check(entries, `${name}.widths`, ["U8"], [tokens]);
  const [read, columns] = checkMatrix(entries, `${name}.synthesis`, [null, null]);
  checkMatrix(entries, `${name}.codebooks`, [own, codewords, columns]);
  if (read > components) throw wrong(`${name} refines ${read} components of ${components}`);
  return { components: read, tokens, codewords, columns, groups: own, largest: 0 };
}

/** The channels of the network, and every level's `largest`, from a configuration that agrees. */
function checkConfig(entries: Map<string, Entry>, shapes: Shapes): number[] {
  let config: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(entries.get("config")!.bytes!);
    config = JSON.parse(text);
  } catch {
    throw wrong("its configuration is not JSON");
  }
  const { groups, levels, widths } = (config ?? {}) as Record<string, unknown>;
  const stated = Array.isArray(levels) ? levels : [];
  const agrees =
    groups === shapes.groups &&
    stated.length === shapes.levels.length &&
    shapes.levels.every((level, l) => {
      const [components, tokens, codewords, largest] = Array.isArray(stated[l]) ? stated[l] : [];
      level.largest = isSize(largest) ? largest : 0;
      return (
        components === level.components &&
        tokens === level.tokens &&
        codewords === level.codewords &&
        level.largest > 0
      );
    });
  const channels = Array.isArray(widths) ? widths : [];
  if (!agrees || channels.length !== 4 || !channels.every(isSize)) {
    throw wrong("its configuration does not agree with its arrays");
  }
  return channels;
}

function isSize(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value <= MAX_SIZE;
}

/** Checks a matrix, in 8 bits or packed -> its shape. */
function checkMatrix(entries: Map<string, Entry>, name: string, sizes: Size[]): number[] {
  if (!entries.has(`${name}.codes`)) {
    const shape = check(entries, name, ["I8"], sizes);
    check(entries, `${name}.scale`, ["F16"], shape.slice(-1));
    return shape;
  }
  let rows = sizes.slice(0, -1);
  const mirrored = entries.has(`${name}.mirror`);
  if (mirrored && name !== "basis") throw wrong(`${name} is no matrix of planes and has a mirror`);
  if (mirrored) rows = [PLANES / 2];
  const codes = check(entries, `${name}.codes`, ["U8"], [...rows, null]);
  const found = codes.slice(0, -1);
  const [columns] = check(entries, `${name}.scale`, ["F16"], sizes.slice(-1));
  check(entries, `${name}.tops`, ["U8"], found);
  let coded = columns;
  if (entries.has(`${name}.first`)) {
    coded -= check(entries, `${name}.first`, ["I8"], [...found, null]).slice(-1)[0];
  }
  const [values] = check(entries, `${name}.curve`, ["I8"], [null]);
  const bits = Math.log2(values);
  if (!Number.isInteger(bits) || bits < 1 || bits > MAX_BITS) {
    throw wrong(`${name} has a curve of ${values} values`);
  }
  const bytes = [4, 2, 1].reduce(
    (sum, width) => sum + (bits & width ? Math.ceil((coded * width) / 8) : 0),
    0,
  );
  if (coded < 1 || codes[codes.length - 1] !== bytes) {
    throw wrong(
      `${name} has ${codes[codes.length - 1]} bytes a row for ${coded} codes of ${bits} bits`,
    );
  }
  if (mirrored) check(entries, `${name}.mirror`, ["I8"], [columns]);
  return [...(mirrored ? [PLANES] : found), columns];
}

/** Checks type and shape of one array -> its shape. */
function check(
  entries: Map<string, Entry>,
  name: string,
  dtypes: string[],
  sizes: Size[],
): number[] {
  const entry = entries.get(name);
  if (entry === undefined) throw wrong(`it has no array ${name}`);
  const { dtype, shape } = entry;
  const fits =
    shape.length === sizes.length &&
    shape.every((size, i) => size > 0 && size <= MAX_SIZE && size === (sizes[i] ?? size));
  if (!fits || !dtypes.includes(dtype)) {
    const wanted = sizes.map((size) => size ?? "any").join(" x ");
    throw wrong(`${name} is ${dtype} ${shape.join(" x ")}, not ${dtypes[0]} ${wanted}`);
  }
  return shape;
}

/** Arrays with their shapes, in the order in which core.cpp reads them. */
export type Arrays = [name: string, shape: number[]][];

export function decoderArrays(widths: number[]): Arrays {
  const [w8, w16, w32, w64, condition] = widths;
  const mixer = (name: string): Arrays => [
    [`${name}.norm_places`, [w8]],
    [`${name}.places.0`, [64, 128]],
    [`${name}.places.2`, [128, 64]],
    [`${name}.norm_channels`, [w8]],
    [`${name}.channels.0`, [w8, 2 * w8]],
    [`${name}.channels.2`, [2 * w8, w8]],
  ];
  const block = blockOf(condition);
  return networkArrays("decoder", [
    ["embed.0", [3, condition]],
    ["enter16", [24, 3, 3, w16]],
    ["down8", [w16, 3, 3, w8]],
    ...mixer("mix8.0"),
    ...mixer("mix8.1"),
    ["up16", [w8, 1, 1, 4 * w16]],
    ...block("blocks16.0", w16),
    ...block("blocks16.1", w16),
    ["enter32", [6, 3, 3, w32]],
    ["up32", [w16, 1, 1, 4 * w32]],
    ...block("blocks32.0", w32),
    ["enter64", [1, 3, 3, w64]],
    ["up64", [w32, 1, 1, 4 * w64]],
    ...block("blocks64.0", w64),
    ["leave", [w64, 3, 3, 12]],
  ]);
}

export function upscalerArrays(widths: number[], [w64, w128]: [number, number]): Arrays {
  const [, , , features, condition] = widths;
  const block = blockOf(condition);
  return networkArrays("upscaler", [
    ["enter64", [12, 3, 3, w64]],
    ["join64", [features, 1, 1, w64]],
    ...block("blocks64.0", w64),
    ...block("blocks64.1", w64),
    ...block("blocks64.2", w64),
    ["enter128", [3, 3, 3, w128]],
    ["up128", [w64, 1, 1, 4 * w128]],
    ...block("blocks128.0", w128),
    ["leave", [w128, 3, 3, 12]],
  ]);
}

function blockOf(condition: number) {
  return (name: string, w: number): Arrays => [
    [`${name}.condition`, [condition, 2 * w]],
    [`${name}.first`, [w, 3, 3, w]],
    [`${name}.second`, [w, 3, 3, w]],
  ];
}

/** Of every layer the weight, its scale and the bias; of a normalisation the gain and the bias. */
function networkArrays(network: string, layers: Arrays): Arrays {
  return layers.flatMap(([name, shape]): Arrays => {
    const outputs = shape.slice(-1);
    const layer = `${network}.${name}`;
    const scale: Arrays = shape.length > 1 ? [[`${layer}.weight.scale`, outputs]] : [];
    return [[`${layer}.weight`, shape], ...scale, [`${layer}.bias`, outputs]];
  });
}
