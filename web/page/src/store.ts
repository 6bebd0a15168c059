/** What the device keeps: trusted keys and settings. Nothing of what was scanned. */

import type { TrustedKey } from "./keys";

const KEYS = "stc.keys", SETTING = "stc.setting.";
let unsaved: TrustedKey[] | null = null; // where the browser keeps nothing

export function loadKeys(): TrustedKey[] {
  if (unsaved !== null) return unsaved;
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEYS) ?? "[]");
    return Array.isArray(found) ? (found as TrustedKey[]).filter((key) => key?.jwk && key.id) : [];
  } catch {
    return [];
  }
}

/** Returns whether the keys will be there the next time. */
export function saveKeys(keys: TrustedKey[]): boolean {
  try {
    localStorage.setItem(KEYS, JSON.stringify(keys));
    unsaved = null;
    // Without it a browser that runs out of room may forget them.
    void navigator.storage?.persist?.().catch(() => false);
    return true;
  } catch {
    unsaved = keys;
    return false;
  }
}

export function setting(name: string): string | null {
  try {
    return localStorage.getItem(SETTING + name);
  } catch {
    return null;
  }
}

export function keepSetting(name: string, value: string): void {
  try {
    localStorage.setItem(SETTING + name, value);
  } catch {
    // It holds until the page is closed.
  }
}
