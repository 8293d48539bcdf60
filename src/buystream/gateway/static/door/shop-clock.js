// The shop's time on a phone that may have been started without a network: its own clock, and how far the shop's was
// ahead of it when they last met.

export class Clock {
  #store;
  #aheadMs;

  constructor(store, aheadMs) {
    this.#store = store;
    this.#aheadMs = aheadMs;
  }

  now() {
    return Date.now() + this.#aheadMs;
  }

  note(nowMs) {
    this.#aheadMs = nowMs - Date.now();
    this.#store.keep("aheadMs", this.#aheadMs);
  }
}
