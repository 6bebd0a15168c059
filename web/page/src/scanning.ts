/** The camera's view: frames are searched until one has a code. */

import { Camera } from "./camera";
import type { Carried } from "./carrier";
import { find } from "./dom";
import { t } from "./i18n";
import { Collector, scan } from "./scan";

const PAUSE = 40; // milliseconds between two frames, in which the page can answer its user

export class Scanning {
  #camera = new Camera(find<HTMLVideoElement>("video"));
  #round = 0; // a search that was stopped ends when its number is no longer this

  /** done: gets what the first code carries. */
  constructor(readonly done: (carried: Carried) => void) {}

  get on(): boolean {
    return this.#camera.on;
  }

  /** Throws Failure. */
  async start(): Promise<void> {
    await this.#begin(() => this.#camera.start());
  }

  /** Throws Failure. */
  async turn(): Promise<void> {
    await this.#begin(() => this.#camera.turn());
  }

  stop(): void {
    this.#round += 1;
    this.#camera.stop();
  }

  async light(on: boolean): Promise<void> {
    await this.#camera.light(on);
  }

  async #begin(start: () => Promise<void>): Promise<void> {
    const round = ++this.#round;
    this.#hint(t("camera.hint"));
    await start();
    if (round !== this.#round) return this.#camera.stop();
    find("camera-switch").hidden = !(await this.#camera.several());
    find("camera-light").hidden = !this.#camera.hasLight;
    find("camera-light").setAttribute("aria-pressed", "false");
    void this.#search(round);
  }

  async #search(round: number): Promise<void> {
    const collector = new Collector();
    for (let count = 0; round === this.#round; ++count) {
      const pixels = document.hidden ? null : this.#camera.frame(count % 2 === 1);
      if (pixels !== null) {
        // Every third frame more patiently: with light modules on dark ground, and blurred ones.
        const { carried, others } = await scan(pixels, collector, false, count % 3 === 2);
        if (round !== this.#round) return;
        if (carried.length === 1) return this.done(carried[0]);
        if (carried.length > 1) this.#hint(t("failure.several"));
        else if (collector.missing) {
          const [have, all] = collector.missing;
          this.#hint(t("camera.parts", { have, all }));
        } else this.#hint(t(others.length > 0 ? "camera.other" : "camera.hint"));
      }
      await new Promise((next) => setTimeout(next, PAUSE));
    }
  }

  #hint(text: string): void {
    const element = find("camera-hint");
    if (element.textContent !== text) element.textContent = text;
  }
}
