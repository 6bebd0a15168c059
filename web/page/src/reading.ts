/** What a code carries -> what can be said of it: the face, the claim, and how far to trust both. */

import type { Decoder, FileInfo, Picture } from "stc-face";

import type { Carried, Form } from "./carrier";
import { type Claim, readClaim } from "./claim";
import { verify } from "./cose";
import { Failure } from "./failure";
import { type TrustedKey, toHex } from "./keys";

/** good: vouched for. plain: nobody vouches. warn: cannot be told. bad: must not be accepted. */
export type Level = "good" | "plain" | "warn" | "bad";

/** What happened to one thing that can be checked; `check.<name>.<outcome>` in locales/. */
export interface Check {
  name: "signature" | "dates" | "face" | "person" | "withdrawn";
  outcome: string;
  level: Level;
}

export interface Face {
  picture: Picture;
  info: FileInfo;
}

export interface Reading {
  form: Form;
  /** `verdict.<verdict>` in locales/. */
  verdict: string;
  level: Level;
  checks: Check[];
  face: Face | null;
  /** Why there is no face: `failure.<code>`. */
  failure: Failure | null;
  claim: Claim | null;
  signer: TrustedKey | null;
}

/** The errors of the decoder, and what the page says of them. */
const FAILURES: Record<string, string> = {
  WrongModelError: "wrongModel",
  ModelMissingError: "tooLarge",
  UnsupportedVersionError: "version",
  BackendError: "oldBrowser",
  TruncatedError: "faceDamaged",
  CorruptError: "faceDamaged",
  BadMagicError: "faceDamaged",
  FormatError: "faceDamaged",
};

const WORST: Level[] = ["bad", "warn", "plain", "good"];

export async function read(carried: Carried, decoder: Decoder, keys: TrustedKey[], now: number): Promise<Reading> {
  if (carried.form === "claim") return readIdentity(carried, decoder, keys, now);
  const { face, failure } = draw(carried.data, decoder, carried.form === "bare");
  const checks: Check[] = [{ name: "signature", outcome: "none", level: "plain" }, faceCheck(face, failure)];
  const verdict = face ? (carried.form === "bare" ? "bare" : "unsigned") : failure!.code;
  const level = face ? "plain" : "bad";
  return { form: carried.form, verdict, level, checks, face, failure, claim: null, signer: null };
}

async function readIdentity(carried: Carried, decoder: Decoder, keys: TrustedKey[], now: number): Promise<Reading> {
  const claim = await readClaim(carried.data);
  const { signer, check } = await checkSignature(claim, keys);
  const dates = checkDates(claim, now);
  const { face, failure } = claim.face
    ? draw(claim.face, decoder, false)
    : { face: null, failure: new Failure(claim.picture ? "otherPicture" : "noFace") };
  const checks = [check, dates, faceCheck(face, failure)];
  // The first of the worst is what the person at the desk has to know.
  const worst = WORST.find((level) => checks.some((one) => one.level === level))!;
  const first = check.level === "good" ? checks.find((one) => one.level === worst)! : check;
  const verdict = worst === "good" ? "verified" : `${first.name}.${first.outcome}`;
  const level = check.level === "good" ? worst : check.level;
  if (worst === "good") {
    checks.push({ name: "person", outcome: "look", level: "plain" }, { name: "withdrawn", outcome: "unchecked", level: "plain" });
  }
  return { form: "claim", verdict, level, checks, face, failure, claim, signer };
}

function draw(data: Uint8Array, decoder: Decoder, bare: boolean): { face: Face | null; failure: Failure | null } {
  try {
    performance.mark("stc-decode");
    const picture = decoder.decode(data, { bare, size: decoder.maxSize });
    performance.measure("stc-decode", "stc-decode");
    return { face: { picture, info: decoder.info(data, { bare }) }, failure: null };
  } catch (error) {
    const code = error instanceof Error ? FAILURES[error.name] : undefined;
    if (code === undefined) throw error;
    return { face: null, failure: new Failure(code, (error as Error).message) };
  }
}

function faceCheck(face: Face | null, failure: Failure | null): Check {
  if (face) return { name: "face", outcome: "sound", level: "good" };
  return { name: "face", outcome: failure!.code, level: "warn" };
}

/** Who signed. Several keys may have the name that the signature gives; it is a hint, no more. */
async function checkSignature(claim: Claim, keys: TrustedKey[]): Promise<{ signer: TrustedKey | null; check: Check }> {
  const says = (outcome: string, level: Level, signer: TrustedKey | null = null) =>
    ({ signer, check: { name: "signature", outcome, level } as Check });
  const message = claim.signed;
  if (message === null || message.signature.length === 0) return says("missing", "bad");
  if (message.algorithm === null) return says("algorithm", "warn");
  const kid = message.kid === null ? null : toHex(message.kid);
  const fitting = keys.filter((key) => key.algorithm === message.algorithm);
  const named = fitting.filter((key) => kid !== null && key.kid === kid);
  const others = fitting.filter((key) => !named.includes(key));
  for (const key of [...named, ...others]) {
    try {
      if (await verify(message, key.jwk)) return says("good", "good", key);
    } catch (error) {
      if (error instanceof Failure) return says(error.code, "warn");
      throw error;
    }
  }
  if (named.length > 0) return says("tampered", "bad", null);
  return says(keys.length === 0 ? "noKeys" : "unknown", "warn");
}

function checkDates(claim: Claim, now: number): Check {
  const seconds = now / 1000;
  if (claim.expires !== null && seconds >= claim.expires) return { name: "dates", outcome: "expired", level: "bad" };
  if (claim.notBefore !== null && seconds < claim.notBefore) return { name: "dates", outcome: "early", level: "bad" };
  if (claim.expires === null) return { name: "dates", outcome: "endless", level: "good" };
  return { name: "dates", outcome: "valid", level: "good" };
}
