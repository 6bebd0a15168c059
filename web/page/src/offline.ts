/** The page without a network: what the service worker keeps, and whether it has. */

import { find } from "./dom";
import { t } from "./i18n";

let kept = location.protocol === "file:";

export function sayKept(): void {
  find("kept").classList.toggle("on", kept);
  find("kept-text").textContent = t(kept ? "offline" : "onlineOnly");
}

export function setUpOffline(): void {
  sayKept();
  const workers = navigator.serviceWorker;
  // The page in one file has no worker beside it, and needs none.
  if (!workers || document.querySelector("link[rel=manifest]") === null) return;
  const hadOne = workers.controller !== null;
  workers.register(address("sw.js")).then((registration) => {
    const offer = () => {
      if (registration.waiting && hadOne) find("update").hidden = false;
    };
    offer();
    registration.addEventListener("updatefound", () => {
      const fresh = registration.installing;
      fresh?.addEventListener("statechange", () => {
        if (fresh.state === "installed") offer();
      });
    });
    find("update-use").onclick = () => {
      workers.addEventListener("controllerchange", () => location.reload());
      registration.waiting?.postMessage("use");
    };
    void workers.ready.then(() => {
      kept = true;
      document.documentElement.dataset.kept = "";
      sayKept();
    });
  }).catch(() => undefined); // a page that cannot be kept still works
}

/** What the policy of the page asks for where it requires trusted types. */
function address(url: string): string {
  type Factory = { createPolicy(name: string, rules: object): { createScriptURL(url: string): string } };
  const factory = (globalThis as { trustedTypes?: Factory }).trustedTypes;
  const rules = { createScriptURL: (text: string) => text };
  return factory ? factory.createPolicy("stc-page", rules).createScriptURL(url) : url;
}
