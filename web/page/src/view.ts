/** A reading -> what is shown of it. */

import { compareButton } from "./compare";
import { h, icon } from "./dom";
import type { Failure } from "./failure";
import { date, day, has, t } from "./i18n";
import type { Check, Face, Level, Reading } from "./reading";
import { saveButton } from "./saving";

const STATES: Partial<Record<string, string>> = { "face.sound": "complete", "person.look": "look", "withdrawn.unchecked": "withdrawn" };

/** The whole of it, for the section `result`. */
export function show(reading: Reading, again: () => void): HTMLElement[] {
  const { claim, level, verdict } = reading;
  const key = has(`verdict.${verdict}`) ? `verdict.${verdict}` : `failure.${verdict}`;
  const left = h("div", { className: "left" });
  const portrait = portraitOf(reading);
  const buttons = h("div", { className: "actions" });
  const uncover = () => {
    left.replaceChildren(portrait, ...beneath(reading), buttons);
    buttons.replaceChildren();
    const comparable = reading.face !== null || claim?.picture != null;
    if (comparable) buttons.append(compareButton(portrait));
    buttons.append(againButton(again, !comparable));
  };
  const right = h("div", { className: "right" }, ...facts(reading), checks(reading), details(reading));
  uncover();
  // A forged card must not make an impression before its warning does.
  if (level === "bad" && claim && reading.checks[0].level === "bad") {
    const anyway = h("button", { type: "button" }, t("showAnyway"));
    const cover = h("div", { className: "portrait" }, h("div", { className: "empty" }, icon("bad"), h("p", {}, t("hidden")), anyway));
    const fields = right.firstElementChild as HTMLElement;
    fields.hidden = true;
    left.replaceChildren(cover, h("div", { className: "actions" }, againButton(again)));
    anyway.onclick = () => {
      fields.hidden = false;
      uncover();
      buttons.querySelector("button")!.focus(); // its own button is gone
    };
  }
  return [
    banner(level, t(key), t(`${key}.text`, values(reading))),
    h("div", { className: `card sheet ${level}` }, left, right),
  ];
}

/** What is said of something that could not be read at all. */
export function showFailure(failure: Failure, again: () => void, ...more: HTMLElement[]): HTMLElement[] {
  const [have, all] = failure.detail.split("/");
  const text = t(`failure.${failure.code}`, { have, all, detail: failure.detail });
  const box = banner("bad", t("failure.title"), text);
  return [box, ...more, h("div", { className: "actions" }, againButton(again))];
}

function banner(level: Level, title: string, text: string): HTMLElement {
  return h("div", { className: `verdict ${level}` }, icon(level),
    h("div", {}, h("h2", { tabIndex: -1, id: "verdict" }, title), h("p", {}, text)));
}

function againButton(again: () => void, first = true): HTMLElement {
  const className = first ? "primary" : "";
  return h("button", { type: "button", className, id: "again", onclick: again }, icon("camera"), t("again"));
}

function values({ claim, signer }: Reading): Record<string, string> {
  return {
    signer: signer ? signerName(signer) : "",
    until: claim?.expires ? date(claim.expires, true) : "",
    from: claim?.notBefore ? date(claim.notBefore, true) : "",
  };
}

const signerName = (key: { name: string; id: string }): string =>
  key.name || t("unnamed", { id: key.id.slice(0, 8) });

function portraitOf({ face, claim, failure }: Reading): HTMLElement {
  if (face) {
    return h("figure", { className: "portrait" }, canvasOf(face), h("figcaption", {}, t("mark")));
  }
  if (claim?.picture) {
    const url = URL.createObjectURL(claim.picture);
    const image = h("img", { src: url, alt: t("mark.otherAlt"), onload: () => URL.revokeObjectURL(url) });
    return h("figure", { className: "portrait" }, image, h("figcaption", {}, t("mark.otherAlt")));
  }
  const detail = failure && failure.code === "wrongModel" ? h("code", { dir: "ltr" }, failure.detail) : null;
  return h("div", { className: "portrait" },
    h("div", { className: "empty" }, icon("face"), h("p", {}, t("noPicture")), detail));
}

/** What the face was drawn from: size, model, checksum. */
function beneath({ face }: Reading): HTMLElement[] {
  if (!face) return [];
  const { bytes, model, fingerprint, checksum } = face.info;
  const values = { bytes, model: `${model} (${fingerprint})`, checksum: checksum ?? "" };
  return [h("p", { className: "hint beneath" }, t(checksum === null ? "beneath.bare" : "beneath", values))];
}

function canvasOf({ picture, info }: Face): HTMLCanvasElement {
  const canvas = h("canvas", { width: picture.width, height: picture.height, role: "img" });
  canvas.setAttribute("aria-label", t("mark.alt", { bytes: info.bytes }));
  canvas.getContext("2d")!.putImageData(new ImageData(picture.data, picture.width), 0, 0);
  return canvas;
}

function list(rows: [string, string | Node, string?][], doubt = false): HTMLElement {
  const box = h("dl", { className: doubt ? "facts doubt" : "facts" });
  for (const [name, value, style] of rows) {
    box.append(h("div", {}, h("dt", {}, name), h("dd", { className: style ?? "" }, h("bdi", {}, value))));
  }
  return box;
}

/** The fields of a claim, beside the face. */
function facts({ claim, signer, checks: [signature] }: Reading): HTMLElement[] {
  if (!claim) return [];
  const sure = signature.level === "good";
  const rows: [string, string, string?][] = claim.fields.map(({ name, value }) => {
    let text = value;
    if (name === "birth") text = day(value);
    if (has(`${name}.${value}`)) text = t(`${name}.${value}`);
    return [t(`field.${name}`), text, name === "fullName" ? "large" : undefined];
  });
  if (signer) rows.push([t("signer"), signerName(signer)]);
  if (claim.issuer) rows.push([t("issuer"), claim.issuer]);
  rows.push([t("until"), claim.expires === null ? t("endless") : date(claim.expires)]);
  return [h("section", {}, h("h3", {}, t(sure ? "fields" : "fields.unverified")), list(rows, !sure))];
}

function checks({ checks: all, claim }: Reading): HTMLElement {
  const sure = all[0].level === "good";
  const box = h("ul", { className: "checks" });
  for (const check of all) {
    const { level, text } = describe(check, sure, claim !== null);
    box.append(h("li", { className: level }, icon(level), h("b", {}, t(`label.${check.name}`)), h("span", {}, text)));
  }
  const now = t("clock", { now: date(Date.now() / 1000, true) });
  return h("section", {}, h("h3", {}, t("checks")), box, claim ? h("p", { className: "hint" }, now) : null);
}

/** Dates and faces count only if the signature does: an unsigned date is an assertion. */
function describe(check: Check, sure: boolean, claimed: boolean): { level: Level; text: string } {
  const { name, outcome, level } = check;
  if (level === "good" && sure) return { level, text: t(name === "face" ? "state.signed" : "state.verified") };
  if (level === "good") return { level: "plain", text: t(name === "face" && !claimed ? "state.complete" : "state.claimed") };
  if (outcome === "none") return { level, text: t("verdict.unsigned") };
  const state = STATES[`${name}.${outcome}`];
  if (state) return { level, text: t(`state.${state}`) };
  return { level, text: t(`verdict.${name}.${outcome}`) };
}

/** For whoever wants to know more: folded away. */
function details({ face, claim, form, signer, failure }: Reading): HTMLElement {
  const code = (text: string) => h("code", { dir: "ltr" }, text);
  const rows: [string, string | Node][] = [[t("detail.form"), t(`form.${form}`)]];
  if (face) {
    const { bytes, tokens, model, fingerprint, checksum } = face.info;
    rows.push([t("detail.bytes"), t("detail.bytes.value", { bytes, tokens })]);
    rows.push([t("detail.model"), code(`${model} (${fingerprint})`)]);
    if (checksum) rows.push([t("detail.checksum"), code(checksum)]);
  } else if (failure?.detail) {
    rows.push([t("label.face"), code(failure.detail)]);
  }
  if (claim?.signed) rows.push([t("algorithm"), code(claim.signed.algorithm ?? String(claim.signed.number ?? "–"))]);
  if (signer) rows.push([t("keys.print"), code(signer.id.slice(0, 32))]);
  if (claim?.issued) rows.push([t("issued"), date(claim.issued)]);
  if (claim?.notBefore) rows.push([t("from"), date(claim.notBefore)]);
  return h("details", { open: claim === null }, h("summary", {}, t("details")), list(rows), face ? saveButton(face) : null);
}
