/** The words of the page, in the language of its user; one JSON file a language in locales/. */

import { LOCALES } from "locales";

import { keepSetting, setting } from "./store";

type Words = Record<string, string>;

export type Values = Record<string, string | number>;

const all: Record<string, Words> = LOCALES;
let language = "en";

/** The codes of the languages, and what they call themselves. */
export const languages = (): [string, string][] =>
  Object.keys(all).map((code) => [code, all[code].$name]);

/** The language of before, or the first of the browser's that there is. */
export function startLanguage(): void {
  const wanted = [setting("language"), ...navigator.languages];
  for (const tag of wanted) {
    const code = tag?.split("-")[0].toLowerCase();
    if (code && all[code]) return useLanguage(code);
  }
  useLanguage("en");
}

export function chooseLanguage(code: string): void {
  keepSetting("language", code);
  useLanguage(code);
}

function useLanguage(code: string): void {
  language = code;
  document.documentElement.lang = code;
  document.documentElement.dir = all[code].$dir;
  document.title = t("title");
  for (const element of document.querySelectorAll<HTMLElement>("[data-t]")) {
    element.textContent = t(element.dataset.t!);
  }
  for (const element of document.querySelectorAll<HTMLElement>("[data-t-label]")) {
    element.setAttribute("aria-label", t(element.dataset.tLabel!));
  }
}

export const currentLanguage = (): string => language;

export const has = (key: string): boolean => key in all.en;

/** A text, with {names} replaced. English stands in where a language has no words for it. */
export function t(key: string, values: Values = {}): string {
  const text = all[language][key] ?? all.en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) =>
    name in values ? format(values[name]) : whole);
}

const format = (value: string | number): string =>
  typeof value === "number" ? new Intl.NumberFormat(language).format(value) : value;

/** A moment, in seconds since 1970, as a date; with the hour if it matters. */
export function date(seconds: number, hours = false): string {
  const style: Intl.DateTimeFormatOptions = hours
    ? { dateStyle: "long", timeStyle: "short" }
    : { dateStyle: "long" };
  return new Intl.DateTimeFormat(language, style).format(new Date(seconds * 1000));
}

/** A day without a time, written YYYYMMDD or YYYY-MM-DD; other text as it is. */
export function day(text: string): string {
  const parts = /^(\d{4})-?(\d\d)-?(\d\d)$/.exec(text);
  if (!parts) return text;
  const moment = new Date(Date.UTC(+parts[1], +parts[2] - 1, +parts[3]));
  if (Number.isNaN(moment.getTime()) || moment.getUTCDate() !== +parts[3]) return text;
  return new Intl.DateTimeFormat(language, { dateStyle: "long", timeZone: "UTC" }).format(moment);
}
