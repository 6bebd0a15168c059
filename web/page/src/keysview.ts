/** The dialog with the trusted keys. */

import { find, h } from "./dom";
import { Failure } from "./failure";
import { date, t } from "./i18n";
import { type KeyFile, type TrustedKey, parseKeys, textOf, toHex } from "./keys";
import { loadKeys, saveKeys } from "./store";

/** Sets the dialog up; changed is called when the keys are others than before. */
export function setUpKeys(changed: () => void): void {
  const dialog = find<HTMLDialogElement>("keys");
  find("keys-open").onclick = () => openKeys();
  find("keys-close").onclick = () => dialog.close();
  const input = find<HTMLInputElement>("keys-input");
  find("keys-file").onclick = () => input.click();
  input.onchange = async () => {
    const file = input.files?.[0];
    input.value = "";
    if (file) await offerKeys(new Uint8Array(await file.arrayBuffer()), file.name);
  };
  find("keys-add").onclick = () => void addKeys();
  dialog.addEventListener("keyschanged", changed);
  drawKeys();
}

export function openKeys(): void {
  say("", false);
  drawKeys();
  find<HTMLDialogElement>("keys").showModal();
}

/** Shows the keys of a file for the user to name and to add: nothing is trusted by being dropped. */
export async function offerKeys(data: Uint8Array, file: string): Promise<void> {
  if (!find<HTMLDialogElement>("keys").open) openKeys();
  const found = await parsed(data, "");
  if (found === null) return;
  find<HTMLTextAreaElement>("keys-text").value = textOf(data) ?? toHex(data);
  const name = find<HTMLInputElement>("keys-name");
  const names = [...new Set(found.keys.map((key) => key.name))].join(", ");
  name.value = names || file.replace(/\.\w+$/, "");
  name.focus();
  say(t("keys.check"), false);
}

/** Imports what stands in the field, under the name that stands above it. */
async function addKeys(): Promise<void> {
  const text = find<HTMLTextAreaElement>("keys-text");
  const name = find<HTMLInputElement>("keys-name");
  const found = await parsed(new TextEncoder().encode(text.value), name.value);
  if (found === null) return;
  const known = loadKeys();
  const added = found.keys.filter((key) => !known.some((one) => one.id === key.id && one.kid === key.kid));
  if (added.length === 0) return say(t("keys.known"), true);
  const saved = saveKeys([...known, ...added]);
  text.value = name.value = "";
  const names = [...new Set(added.map((key) => key.name || t("unnamed", { id: key.id.slice(0, 8) })))];
  const said = { name: names.join(", "), count: found.others };
  say(saved ? t(found.others > 0 ? "keys.some" : "keys.added", said) : t("keys.unsaved"), !saved);
  drawKeys();
  find("keys").dispatchEvent(new Event("keyschanged"));
}

/** The keys in a file, or null after it was said why there are none. */
async function parsed(data: Uint8Array, name: string): Promise<KeyFile | null> {
  try {
    return await parseKeys(data, name);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    say(t(`failure.${error.code}`), true);
    return null;
  }
}

function say(text: string, bad: boolean): void {
  const message = find("keys-message");
  message.textContent = text;
  message.classList.toggle("bad", bad);
}

export function drawKeys(): void {
  const keys = loadKeys();
  find("keys-count").textContent = String(keys.length);
  find("keys-none").hidden = keys.length > 0;
  find("keys-list").replaceChildren(...keys.map(row));
}

function row(key: TrustedKey): HTMLElement {
  const name = key.name || t("unnamed", { id: key.id.slice(0, 8) });
  const remove = h("button", { type: "button", className: "quiet", "aria-label": `${t("keys.remove")}: ${name}` }, t("keys.remove"));
  let sure = false;
  remove.onclick = () => {
    if (!sure) {
      sure = true;
      remove.textContent = t("keys.remove.sure");
      remove.setAttribute("aria-label", `${t("keys.remove.sure")} ${name}`);
      return;
    }
    saveKeys(loadKeys().filter((one) => one.id !== key.id || one.kid !== key.kid));
    drawKeys();
    find("keys-close").focus();
    find("keys").dispatchEvent(new Event("keyschanged"));
  };
  const print = (key.id.slice(0, 32).match(/.{4}/g) ?? []).join(" ");
  const added = Date.parse(key.added) / 1000;
  return h("li", {}, h("div", {}, h("b", { dir: "auto" }, name), h("small", {}, h("bdi", {}, key.algorithm), Number.isFinite(added) && `, ${date(added)}`),
    h("small", {}, `${t("keys.print")} `, h("code", { dir: "ltr" }, print))), remove);
}
