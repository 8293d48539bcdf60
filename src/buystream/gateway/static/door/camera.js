// The phone's camera: the one at the back, its torch, and every text that it sees, once while it stays in the picture.

const LOOK_EVERY_MS = 120;
const SEEN_FOR_MS = 2500;

export class Camera {
  #video;
  #decoder;
  #onText;
  #stream = null;
  #seen = new Map();
  #paused = false;

  /** `onText(text)` is called for a text that comes into the picture. */
  constructor(video, decoder, onText) {
    this.#video = video;
    this.#decoder = decoder;
    this.#onText = onText;
  }

  get isOn() {
    return this.#stream !== null;
  }

  /** Throws what `getUserMedia` throws, when there is no camera or it isn't allowed. */
  async start() {
    const video = { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 720 } };
    this.#stream = await navigator.mediaDevices.getUserMedia({ video, audio: false });
    this.#video.srcObject = this.#stream;
    await this.#video.play();
    this.#look();
  }

  stop() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.#video.srcObject = null;
  }

  /** While an answer is shown, nothing is read. */
  pause(isPaused) {
    this.#paused = isPaused;
    for (const text of this.#seen.keys()) this.#seen.set(text, performance.now()); // it may still be in the picture
  }

  get #track() {
    return this.#stream?.getVideoTracks()[0];
  }

  get hasTorch() {
    return Boolean(this.#track?.getCapabilities?.().torch);
  }

  async torch(isOn) {
    await this.#track.applyConstraints({ advanced: [{ torch: isOn }] });
  }

  async #look() {
    while (this.#stream) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      if (this.#paused || !this.#stream || this.#video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) continue;
      const texts = await this.#decoder.read(this.#video).catch(() => []);
      const now = performance.now();
      for (const text of texts) {
        const isNew = now - (this.#seen.get(text) ?? -Infinity) > SEEN_FOR_MS;
        this.#seen.set(text, now);
        if (isNew && !this.#paused) this.#onText(text);
      }
      for (const [text, at] of this.#seen) if (now - at > SEEN_FOR_MS) this.#seen.delete(text);
    }
  }
}
