// One buyer's order of one edition: its id is kept from before it is sent until it ends, so a double tap or a reload is the
// same order. Emits "change" on every step; what the screen shows is `phase`, `order` and `problem`.
import { Problem, asBuyer, hasSession, origin, sessionToken } from "./api.js";
import { follow, pause } from "./live.js";
import { mintOrderId } from "./order-id.js";
import { forget, recall, remember } from "./storage.js";

const SENDS_MAX = 8;
const WAIT_MS_MAX = 15_000;
const PAID = ["confirmed", "shipped", "delivered", "disputed"];
const ENDED = ["refused", "expired", "cancelled", "refunded"];
export const ATTEMPTS_MAX = 3;

/** Where a browser keeps the order of an edition that it goes on with. */
export const draftKey = (editionId) => `buystream.order@${origin}/${editionId}`;

export class Purchase extends EventTarget {
  /** phase: idle | placing | waiting (busy, retrying) | refused | unreachable | placed (see `order`). */
  phase = "idle";
  order = null;
  problem = null;
  sending = false; // a payment request is under way
  #key;
  #stop = null;
  #repeat = () => {};
  #editionId;
  #hostToken;

  constructor(editionId, hostToken = null) {
    super();
    this.#editionId = editionId;
    this.#hostToken = hostToken;
    this.#key = draftKey(editionId);
  }

  get isPaid() {
    return PAID.includes(this.order?.state);
  }

  /** An all-or-nothing gift that counts, and waits for its target. */
  get isPledged() {
    return this.order?.state === "pledged";
  }

  /** Nothing is left to do for the buyer. */
  get isDone() {
    return this.isPaid || this.isPledged;
  }

  get isEnded() {
    return ENDED.includes(this.order?.state) && !this.isLate;
  }

  /** The hold expired while the bank was thinking: its answer may still bring the order back. */
  get isLate() {
    return this.order?.state === "expired" && ["requested", "authentication_required"].includes(this.order.payment?.state);
  }

  get isRunning() {
    return this.phase === "placed" && !this.isDone && !this.isEnded;
  }

  /** The buyer's turn to pay: held, and no payment under way. */
  get isPayable() {
    const state = this.order?.payment?.state;
    return this.order?.state === "held" && (!state || state === "declined" || state === "voided");
  }

  get attempt() {
    return Number(this.order?.payment?.payment_id.split(".").pop() ?? 0);
  }

  /** Picks up an unfinished order that this browser remembers. */
  async resume() {
    const draft = recall(this.#key);
    if (!draft || !hasSession() || this.phase !== "idle") return;
    try {
      const order = await asBuyer("GET", `/v1/orders/${draft.order_id}`);
      if (this.phase !== "idle") return;
      if (ENDED.includes(order.state)) forget(this.#key);
      else this.#placed(order);
    } catch {
      // Unknown there or unreachable: the id is kept, and the next tap sends the same order.
    }
  }

  /** Places the order, or sends the remembered one again. `priceMinor` is the unit price. */
  async place(quantity, priceMinor) {
    if (["placing", "waiting"].includes(this.phase)) return;
    const draft = recall(this.#key) ?? { order_id: mintOrderId(this.#editionId), quantity, price_minor: priceMinor };
    remember(this.#key, draft);
    this.#repeat = () => this.place(quantity, priceMinor);
    await this.#begin(draft.order_id, () => this.#send("/v1/orders", { ...draft, edition_id: this.#editionId }));
  }

  /** Gives `amountMinor` now, and again every so many months, by what is saved; the same `giftId` is the same gift. */
  async giveEvery({ giftId, amountMinor, months }) {
    if (["placing", "waiting"].includes(this.phase)) return;
    this.#repeat = () => this.giveEvery({ giftId, amountMinor, months });
    await this.#begin(giftId, async () => {
      const gift = { gift_id: giftId, edition_id: this.#editionId, amount_minor: amountMinor, interval_months: months };
      const { last } = await this.#send("/v1/gifts", { ...gift, one_tap: true });
      remember(this.#key, { order_id: last.order_id, quantity: 1, price_minor: amountMinor });
      return last;
    });
  }

  /** Sends again what was never answered. */
  repeat() {
    this.#repeat();
  }

  async #begin(id, ask) {
    this.order = null;
    this.#turn("placing");
    try {
      this.#placed(await ask());
    } catch (problem) {
      if (!problem.isTransient) forget(this.#key);
      this.#turn(problem.isTransient ? "unreachable" : "refused", problem);
      if (!problem.isTransient) this.#emit("refused", { order_id: id, reason: problem.reason });
    }
  }

  /** `details`: {payment_method, delivery, save} or {one_tap: true}. Throws `Problem` when the buyer must change something. */
  async pay(details) {
    this.sending = true;
    this.#turn("placed");
    try {
      const path = `/v1/orders/${this.order.order_id}`;
      const stillPayable = async () => {
        this.#placed(await asBuyer("GET", path));
        return this.isPayable;
      };
      const payment = { ...details, attempt: this.attempt + 1 };
      const order = await this.#send(`${path}/payment`, payment, stillPayable);
      if (order) this.#placed(order);
    } catch (problem) {
      if (problem.reason !== "not_payable") throw problem;
      this.#placed(await asBuyer("GET", `/v1/orders/${this.order.order_id}`));
    } finally {
      this.sending = false;
      this.#turn("placed");
    }
  }

  async cancel() {
    try {
      this.#placed(await asBuyer("POST", `/v1/orders/${this.order.order_id}/cancel`));
    } catch {
      // Its stream tells what the order is instead.
    }
  }

  /** After an end: ready for a new order, with a new id. */
  reset() {
    this.#stop?.();
    this.#stop = null;
    this.order = null;
    this.#turn("idle");
  }

  /** POST with bounded repeats while the shop is busy or away; null when `worthIt()` says that a repeat isn't needed. */
  async #send(path, body, worthIt = async () => true) {
    for (let sends = 1; ; sends += 1) {
      try {
        return await asBuyer("POST", path, { body, hostToken: this.#hostToken });
      } catch (error) {
        const problem = error instanceof Problem ? error : new Problem({ status: 0 });
        if (!problem.isTransient || sends === SENDS_MAX) throw problem;
        if (this.phase === "placing") this.#turn("waiting", problem);
        await pause(Math.min((problem.retryAfterSeconds ?? 2 ** (sends - 1)) * 1000, WAIT_MS_MAX));
        if (!(await worthIt().catch(() => true))) return null;
      }
    }
  }

  #placed(order) {
    const previous = this.order;
    const [wasPaid, wasPledged, wasEnded] = [this.isPaid, this.isPledged, this.isEnded];
    if (previous?.order_id === order.order_id && order.version < previous.version) return;
    this.order = order;
    if (this.isDone || this.isEnded) forget(this.#key);
    this.#turn("placed");
    if (!previous && order.state === "held") this.#emit("held", order);
    if (order.payment?.state === "declined" && previous?.payment?.state !== "declined") this.#emit("declined", order);
    if (this.isPaid && !wasPaid) this.#emit("paid", order);
    if (this.isPledged && !wasPledged) this.#emit("pledged", order);
    if (this.isEnded && !wasEnded) this.#emit(order.state, order);
    if (!this.#stop && this.isRunning) this.#watch();
  }

  #watch() {
    const id = this.order.order_id;
    this.#stop = follow(`/v1/orders/${id}`, {
      token: () => sessionToken(),
      onValue: (order) => this.order?.order_id === id && this.#placed(order),
      hopeless: [401, 403], // 404: so new that the views don't hold it yet
    });
  }

  #turn(phase, problem = null) {
    this.phase = phase;
    this.problem = problem;
    if (this.isDone || this.isEnded) {
      this.#stop?.();
      this.#stop = null;
    }
    this.dispatchEvent(new Event("change"));
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent("milestone", { detail: { name, detail } }));
  }
}
