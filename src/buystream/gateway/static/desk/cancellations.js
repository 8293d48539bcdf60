// How far the editions that were called off are: everybody's money goes back, bit by bit.

const AGAIN_MS = 2_000;

export class Cancellations {
  #call;
  #known = new Map();

  constructor(call) {
    this.#call = call;
  }

  /** {text, share} of an edition that was called off; `share` (of its orders, from 0 to 1) is null when it is over. */
  words({ edition_id: id, cancellation }) {
    const known = this.#known.get(id) ?? { at: 0, seen: null };
    const isNews = !known.seen?.completed_at_ms && Date.now() - known.at > AGAIN_MS;
    if (isNews) this.#look(id, known);
    if (!known.seen) return { text: "Called off", share: null };
    const { total, cancelled, refunded, failed } = known.seen;
    const trouble = failed ? ` ${failed} refunds failed: look at the orders.` : "";
    if (cancellation.completed) return { text: `Called off.${trouble || (total ? " Everybody has the money back." : "")}`, share: null };
    return { text: `Giving the money back: ${(cancelled + refunded).toLocaleString()} of ${total.toLocaleString()} orders.${trouble}`, share: (cancelled + refunded) / Math.max(1, total) };
  }

  async #look(id, known) {
    this.#known.set(id, { ...known, at: Date.now() });
    const seen = await this.#call("GET", `/v1/merchant/editions/${id}/cancellation`).catch(() => known.seen);
    this.#known.set(id, { at: Date.now(), seen });
  }
}
