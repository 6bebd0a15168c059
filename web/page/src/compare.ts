/** The camera's picture beside the face of the card. People compare; the page does not. */

import { Camera } from "./camera";
import { announce, h, icon } from "./dom";
import { Failure } from "./failure";
import { t } from "./i18n";

let current: Camera | null = null;

/** Switches off the camera of a comparison that is no longer shown. */
export function endComparison(): void {
  current?.stop();
  current = null;
}

/** The button below a portrait; it puts the pair in the portrait's place. */
export function compareButton(portrait: HTMLElement): HTMLElement {
  const button = h("button", { type: "button", id: "compare", className: "primary" }, icon("face"), t("compare"));
  button.onclick = () => void compare(portrait);
  return button;
}

async function compare(portrait: HTMLElement): Promise<void> {
  endComparison();
  const sheet = portrait.closest<HTMLElement>(".sheet")!;
  const video = h("video", { muted: true, playsInline: true });
  video.setAttribute("aria-label", t("compare.live"));
  const camera = new Camera(video);
  current = camera;
  const freeze = h("button", { type: "button" }, t("compare.freeze"));
  const turn = h("button", { type: "button", hidden: true }, t("camera.switch"));
  const close = h("button", { type: "button", id: "compare-close" }, t("close"));
  const title = h("h2", { tabIndex: -1 }, t("compare.title"));
  const message = h("p", { className: "message bad", role: "status" });
  const drawn = portrait.querySelector("canvas") !== null;
  const box = h("section", { className: "card pairbox" }, title,
    h("div", { className: "pair" },
      h("figure", {}, video, h("figcaption", {}, t("compare.live"))),
      h("figure", {}, copyOf(portrait), h("figcaption", {}, t("compare.card"), drawn && h("small", {}, t("mark"))))),
    message, h("p", { className: "hint" }, t("compare.note")),
    h("div", { className: "actions" }, freeze, turn, close));
  sheet.before(box);
  sheet.hidden = true;
  freeze.onclick = () => {
    const still = video.paused;
    if (still) void video.play();
    else video.pause();
    freeze.textContent = t(still ? "compare.freeze" : "compare.live.again");
  };
  turn.onclick = () => void start(() => camera.turn());
  close.onclick = () => {
    endComparison();
    box.remove();
    sheet.hidden = false;
    document.getElementById("compare")?.focus();
  };
  const start = async (begin: () => Promise<void>) => {
    try {
      await begin();
      if (current !== camera) camera.stop(); // it was closed while the camera woke up
      turn.hidden = !(await camera.several());
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      message.textContent = t(`failure.${error.code}`);
    }
  };
  title.focus();
  announce(t("compare.title"));
  await start(() => camera.start());
}

/** Canvases lose their pixels when they are cloned. */
function copyOf(portrait: HTMLElement): HTMLElement {
  const source = portrait.querySelector<HTMLCanvasElement | HTMLImageElement>("canvas, img")!;
  const image = source instanceof HTMLImageElement;
  const [width, height] = image ? [source.naturalWidth, source.naturalHeight] : [source.width, source.height];
  const copy = h("canvas", { width, height, role: "img" });
  copy.setAttribute("aria-label", (image ? source.alt : source.getAttribute("aria-label")) ?? "");
  copy.getContext("2d")!.drawImage(source, 0, 0);
  return copy;
}
