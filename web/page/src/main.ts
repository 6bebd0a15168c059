/** The page: what its parts do, and what is on it at the moment. */

import { type Decoder, FormatError, open } from "stc-face";

import { loadModel } from "./assets";
import { type Carried, recognise, recogniseText } from "./carrier";
import { endComparison } from "./compare";
import { announce, find, h } from "./dom";
import { Failure } from "./failure";
import { chooseLanguage, currentLanguage, languages, startLanguage, t } from "./i18n";
import { setUpIntake } from "./intake";
import { looksLikeKeys, toHex } from "./keys";
import { offerKeys, drawKeys, setUpKeys } from "./keysview";
import { setUpOffline, sayKept } from "./offline";
import { type Reading, read } from "./reading";
import { prepare, scanPicture } from "./scan";
import { Scanning } from "./scanning";
import { loadKeys } from "./store";
import { show, showFailure } from "./view";

const SECTIONS = ["start", "camera", "result"] as const;

let decoder: Promise<Decoder>;
/** What is shown, so that it can be shown anew in another language or with other keys. */
let current: { carried: Carried; reading: Reading } | { failure: Failure; maybe: Uint8Array[] } | null = null;
const scanning = new Scanning((carried) => {
  navigator.vibrate?.(60);
  void take(carried);
});

function go(section: (typeof SECTIONS)[number]): void {
  if (section !== "camera") scanning.stop();
  endComparison();
  for (const name of SECTIONS) find(name).hidden = name !== section;
}

/** Back to where the last card came from. */
async function again(): Promise<void> {
  current = null;
  if (usedCamera) return startCamera();
  go("start");
  find("camera-start").focus();
}

let usedCamera = false;

async function startCamera(): Promise<void> {
  usedCamera = true;
  go("camera");
  find("camera-title").focus();
  try {
    await scanning.start();
  } catch (error) {
    fail(error);
  }
}

/** Reads what was found, and shows it. */
async function take(carried: Carried): Promise<void> {
  scanning.stop();
  announce(t("working"));
  try {
    await present(carried, true);
  } catch (error) {
    fail(error);
  }
}

async function present(carried: Carried, focus: boolean): Promise<void> {
  const reading = await read(carried, await decoder, loadKeys(), Date.now());
  current = { carried, reading };
  put(show(reading, () => void again()), focus);
}

function put(elements: HTMLElement[], focus: boolean): void {
  go("result");
  find("result").replaceChildren(...elements);
  const title = find("verdict");
  announce(title.textContent!);
  if (!focus) return;
  title.focus({ preventScroll: true });
  scrollTo(0, 0);
}

function fail(error: unknown, maybe: Uint8Array[] = [], focus = true): void {
  const failure = error instanceof Failure ? error : new Failure("unexpected", String(error));
  if (!(error instanceof Failure)) console.error(error);
  if (failure.code.startsWith("camera")) usedCamera = false;
  current = { failure, maybe };
  const more = maybe.length === 0 ? [] : [h("p", { className: "notice" }, t("bare.maybe"), " ",
    h("button", { type: "button", id: "bare", onclick: () => void take({ form: "bare", data: maybe[0] }) }, t("bare.try")))];
  put(showFailure(failure, () => void again(), ...more), focus);
}

/** A file of any kind: a face, a claim, their text, a picture, or keys. */
async function takeFile(file: Blob): Promise<void> {
  try {
    usedCamera = false;
    if (file.size > 1 << 26) throw new Failure("nothing");
    const data = new Uint8Array(await file.arrayBuffer());
    const name = file instanceof File ? file.name : "";
    const picture = isPicture(data, file.type);
    if (!picture && looksLikeKeys(data)) return await offerKeys(data, name);
    if (find<HTMLDialogElement>("keys").open) find<HTMLDialogElement>("keys").close();
    if (!picture) {
      const found = recognise(data);
      if (found) return await take(found);
      return fail(new Failure("nothing"), await bareOnes([data]));
    }
    announce(t("working"));
    const { carried, others } = await scanPicture(file, false);
    if (carried.length === 1) return await take(carried[0]);
    if (others.length === 0) throw new Failure("noCode");
    fail(new Failure("nothing"), await bareOnes(others));
  } catch (error) {
    fail(error);
  }
}

async function takeText(text: string): Promise<void> {
  usedCamera = false;
  if (text.trim() === "") return fail(new Failure("clipboard"));
  if (looksLikeKeys(new TextEncoder().encode(text))) return offerKeys(new TextEncoder().encode(text), "");
  const found = recogniseText(text);
  if (found) return take(found);
  const bare = recogniseText(text, true);
  fail(new Failure("nothing"), await bareOnes(bare ? [bare.data] : []));
}

/** Those that can be bare files: a reader refuses nearly all other bytes. */
async function bareOnes(data: Uint8Array[]): Promise<Uint8Array[]> {
  const model = await decoder;
  return data.filter((one) => {
    try {
      return one.length <= 1024 && model.info(one, { bare: true }).tokens > 0;
    } catch {
      return false;
    }
  });
}

function isPicture(data: Uint8Array, type: string): boolean {
  const starts = ["89504e47", "ffd8ff", "52494646", "47494638", "424d"];
  const head = toHex(data.subarray(0, 4));
  const box = String.fromCharCode(...data.subarray(4, 8)) === "ftyp"; // AVIF, HEIC
  return type.startsWith("image/") || box || starts.some((start) => head.startsWith(start));
}

function redraw(): void {
  drawKeys();
  sayModel();
  sayKept();
  if (current && "carried" in current) void present(current.carried, false).catch(fail);
  else if (current) fail(current.failure, current.maybe, false);
}

let model: Decoder | null = null;
function sayModel(): void {
  find("model").textContent = model === null ? t("loading") : `${t("detail.model")}: ${model.name} (${model.fingerprint.slice(0, 4)})`;
}

/** Draws any face of one token, unseen: browsers compile WebAssembly anew once it has run. */
function warm(opened: Decoder): void {
  for (let payload = 0; payload < 4096; ++payload) {
    try {
      opened.decode(Uint8Array.of(1, payload >> 8, payload & 255), { bare: true });
      return;
    } catch (error) {
      if (!(error instanceof FormatError)) return; // the first card will say what is wrong
    }
  }
}

function begin(): void {
  startLanguage();
  const select = find<HTMLSelectElement>("language");
  select.append(...languages().map(([code, name]) => h("option", { value: code, lang: code }, name)));
  select.value = currentLanguage();
  select.onchange = () => {
    chooseLanguage(select.value);
    redraw();
  };
  setUpKeys(redraw);
  setUpIntake({ file: (file) => void takeFile(file), text: (text) => void takeText(text) });
  find("camera-start").onclick = () => void startCamera();
  find("camera-stop").onclick = () => {
    usedCamera = false;
    void again();
  };
  find("camera-switch").onclick = () => void scanning.turn().catch(fail);
  const light = find("camera-light");
  light.onclick = () => {
    const on = light.getAttribute("aria-pressed") !== "true";
    light.setAttribute("aria-pressed", String(on));
    void scanning.light(on);
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && scanning.on) void (scanning.stop(), go("start"));
  });
  sayModel();
  decoder = loadModel().then((bytes) => open(bytes));
  decoder.then((opened) => {
    model = opened;
    sayModel();
    document.documentElement.dataset.ready = "";
    setTimeout(() => warm(opened), 0);
  }).catch((error: unknown) => fail(new Failure("start", String(error))));
  prepare().catch((error: unknown) => fail(new Failure("start", String(error))));
  setUpOffline();
}

begin();
