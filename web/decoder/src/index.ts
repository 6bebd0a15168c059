/** Draws the face in a .stc file; see README.md. */

export { fromText, isBase45, parseBase45 } from "./base45.js";
export type { Bytes } from "./bytes.js";
export type { Tokens } from "./core.js";
export { open } from "./decoder.js";
export type { Decoder, DrawOptions, FileInfo, Options, Picture } from "./decoder.js";
export * from "./errors.js";
export { MEDIA_TYPE, VERSION, hasHeader, parseHeader } from "./header.js";
export type { Header } from "./header.js";
export { inflate } from "./inflate.js";
