// Progress of the refunds for cancelled editions.

const AGAIN_MS = 2_000;

export class Cancellations {
  #call;
  #known = new Map();

  constructor(call) {
    this.#call = call;
  }

  /** {text, share} of a cancelled edition; `share` (of its orders, from 0 to 1) is null once it is complete. */
  words({ edition_id: id, cancellation }) {
    const known = this.#known.get(id) ?? { at: -Infinity, seen: null };
    const isNews = !known.seen?.completed_at_ms && performance.now() - known.at > AGAIN_MS;
    if (isNews) this.#look(id, known);
    if (!known.seen) return { text: "Cancelled", share: null };
    const { total, cancelled, refunded, failed } = known.seen;
    const trouble = failed ? ` ${failed} refunds failed. Check the orders.` : "";
    if (cancellation.completed)
      return { text: `Cancelled.${trouble || (total ? " Everyone has been refunded." : "")}`, share: null };
    return {
      text: `Refunding: ${(cancelled + refunded).toLocaleString()} of ${total.toLocaleString()} orders.${trouble}`,
      share: (cancelled + refunded) / Math.max(1, total),
    };
  }

  async #look(id, known) {
    this.#known.set(id, { ...known, at: performance.now() });
    const seen = await this.#call("GET", `/v1/merchant/editions/${id}/cancellation`).catch(() => known.seen);
    this.#known.set(id, { at: performance.now(), seen });
  }
}
