/** A camera in a video element, and its frames. */

import { Failure } from "./failure";

const LONGER = 1280; // pixels of the longer side of a frame that is searched

export class Camera {
  #stream: MediaStream | null = null;
  #canvas = document.createElement("canvas");
  /** "environment" looks away from the user, "user" at him. */
  facing: "environment" | "user";

  constructor(readonly video: HTMLVideoElement, facing: "environment" | "user" = "environment") {
    this.facing = facing;
  }

  get on(): boolean {
    return this.#stream !== null;
  }

  /** Throws Failure. */
  async start(): Promise<void> {
    this.stop();
    const devices = navigator.mediaDevices;
    if (!devices?.getUserMedia) throw new Failure("camera.insecure");
    const size = { width: { ideal: 1920 }, height: { ideal: 1080 } };
    try {
      const video = { facingMode: { ideal: this.facing }, ...size };
      this.#stream = await devices.getUserMedia({ audio: false, video });
    } catch (error) {
      const name = error instanceof DOMException ? error.name : "";
      const denied = name === "NotAllowedError" || name === "SecurityError";
      throw new Failure(denied ? "camera.denied" : "camera.none", String(error));
    }
    this.video.srcObject = this.#stream;
    this.video.classList.toggle("mirrored", this.mirrored);
    await this.video.play().catch(() => undefined); // it plays as soon as it is shown
  }

  stop(): void {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.video.srcObject = null;
  }

  /** A camera that looks at its user shows him as a mirror does. */
  get mirrored(): boolean {
    return this.#track()?.getSettings().facingMode === "user";
  }

  async turn(): Promise<void> {
    this.facing = this.facing === "user" ? "environment" : "user";
    await this.start();
  }

  /** Whether there is another camera; known once the first was allowed. */
  async several(): Promise<boolean> {
    const devices = await navigator.mediaDevices?.enumerateDevices().catch(() => []);
    return (devices ?? []).filter((device) => device.kind === "videoinput").length > 1;
  }

  get hasLight(): boolean {
    const track = this.#track();
    return Boolean((track?.getCapabilities?.() as { torch?: boolean } | undefined)?.torch);
  }

  async light(on: boolean): Promise<void> {
    const wanted = { advanced: [{ torch: on }] } as unknown as MediaTrackConstraints;
    await this.#track()?.applyConstraints(wanted).catch(() => undefined);
  }

  /**
   * What the camera sees, or null before it sees anything.
   * close: its middle alone, in all its pixels, for codes of many modules.
   */
  frame(close: boolean): ImageData | null {
    const { videoWidth, videoHeight } = this.video;
    if (!this.on || videoWidth === 0) return null;
    const side = Math.min(videoWidth, videoHeight);
    const [seenWidth, seenHeight] = close ? [side, side] : [videoWidth, videoHeight];
    const scale = Math.min(1, LONGER / Math.max(seenWidth, seenHeight));
    const width = Math.round(seenWidth * scale), height = Math.round(seenHeight * scale);
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
    }
    const context = this.#canvas.getContext("2d", { willReadFrequently: true })!;
    const left = (videoWidth - seenWidth) / 2, top = (videoHeight - seenHeight) / 2;
    context.drawImage(this.video, left, top, seenWidth, seenHeight, 0, 0, width, height);
    return context.getImageData(0, 0, width, height);
  }

  #track(): MediaStreamTrack | null {
    return this.#stream?.getVideoTracks()[0] ?? null;
  }
}
