// One person's order of one edition. Its id is stored before the order is sent and kept until it ends, so a double tap
// or a reload is the same order. Emits "change" at every step; `state` is one of states.js, `order` the shop's view.
import { Problem, origin } from "./api.js";
import { isInsideForeignPage } from "./guard.js";
import { watchOrder } from "./hub.js";
import { pause } from "./live.js";
import { mintOrderId } from "./order-id.js";
import { SCREENS } from "./order-states.js";
import { asBuyer, canSignIn, changes, endSession, hasSession, personKey } from "./session.js";
import { DONE, OVER, PAYABLE, RUNNING, WAITING, eventOf, next } from "./states.js";
import { forget, isShared, onOtherTab, recall, remember } from "./storage.js";
import { mineOf } from "./variants.js";

const SENDS_MAX = 8;
const WAIT_MS_MAX = 15_000;
const LOOKS_MAX = 8;
const LOOK_MS = 400;
export const ATTEMPTS_MAX = 3;

/** The storage key of the unfinished order of an edition. */
export const draftKey = (editionId) => `buystream.order@${origin}/${editionId}${personKey()}`;

/** Lines as the shop takes them: of one, its own fields are enough. */
function bodyOf(lines) {
  if (lines.length > 1)
    return { lines: lines.map(({ variant_id, quantity, price_minor }) => ({ variant_id, quantity, price_minor })) };
  const [{ variant_id: variant, quantity, price_minor }] = lines;
  return { ...(variant && { variant_id: variant }), quantity, price_minor };
}

const unitsOf = (lines) => lines.reduce((units, { quantity }) => units + quantity, 0);

const backOnline = () =>
  new Promise((resolve) => {
    addEventListener("online", resolve, { once: true });
  });

export class Purchase extends EventTarget {
  state = "idle";
  order = null;
  problem = null;
  refusedId = ""; // the order that was refused last
  #mine = null;
  #variant = null;
  requested = null; // {quantity, priceMinor} of a tap that found another order in progress
  #epoch = 0; // grows when the page names another person, whose requests must not get the last one's answers
  #stop = null;
  #unkept = null;
  #repeat = () => {};
  #editionId;

  constructor(editionId) {
    super();
    this.#editionId = editionId;
    this.#keepUp();
    changes.addEventListener("person", () => {
      this.#epoch += 1;
      this.#mine = null;
      this.go("person");
      this.#clear();
      this.#keepUp();
      this.resume();
    });
    addEventListener("offline", () => this.go("offline"));
    addEventListener("online", () => this.#online());
  }

  /** {taken, left} of the limit per buyer, once it is known; of the variant that the buyer chose. */
  get mine() {
    return this.mineOf(this.#variant);
  }

  /** The same of any variant. */
  mineOf(variant) {
    return mineOf(this.#mine, variant);
  }

  /** The same of the whole edition and of each of its variants. */
  get whole() {
    return this.#mine;
  }

  choose(variant) {
    this.#variant = variant;
  }

  get isRunning() {
    return RUNNING.has(this.state);
  }

  get isWaiting() {
    return WAITING.has(this.state);
  }

  get isOver() {
    return OVER.has(this.state);
  }

  get isPaid() {
    return this.state === "paid";
  }

  /** Whether a new session can be had without signing in anywhere. */
  get mayStartAgain() {
    return canSignIn();
  }

  get attempt() {
    return Number(this.order?.payment?.payment_id.split(".").pop() ?? 0);
  }

  /** The buyer's turn, and there is nothing to pay. */
  get isFree() {
    return PAYABLE.has(this.state) && this.order.total_minor === 0;
  }

  get isDeclined() {
    return this.order?.payment?.state === "declined";
  }

  /** Takes an edge of the state machine; without one for this event, nothing changes. */
  go(event, problem = null) {
    const before = this.state;
    this.state = next(before, event);
    this.problem = problem;
    if (this.state !== before && (DONE.has(this.state) || OVER.has(this.state))) this.#unwatch();
    this.dispatchEvent(new Event("change"));
  }

  /** Picks up an unfinished order that this browser remembers. */
  async resume() {
    if (!hasSession()) return this.#recover();
    this.#count();
    const draft = recall(this.#key);
    return draft && this.state === "idle" ? this.#continue(draft) : undefined;
  }

  /** Where the browser blocks a frame's storage, the cookie identifies the person and the shop knows the order. */
  async #recover() {
    if (!isInsideForeignPage() || isShared() || !canSignIn()) return;
    try {
      const { orders } = await this.#ask("GET", "/v1/orders");
      const held = orders.find(({ edition_id: id, state }) => id === this.#editionId && SCREENS[state] === "held");
      if (held) this.#keep(held);
      await this.resume();
    } catch {
      // The shop can't be reached: the next tap tries again.
    }
  }

  async #continue(draft) {
    try {
      const order = await this.#ask("GET", `/v1/orders/${draft.order_id}`);
      if (this.state !== "idle") return;
      if (OVER.has(eventOf(order))) forget(this.#key);
      else this.#placed(order);
    } catch (problem) {
      if (problem.isSignedOut) this.go("signed_out");
      // Otherwise unknown there or unreachable: the id is kept, and the next tap sends the same order.
    }
  }

  /**
   * Places the order, or sends the remembered one again. `lines`: {variant_id, quantity, price_minor} of each;
   * `placement`: where the tap came from, or null.
   */
  async place(lines, placement = null) {
    if (this.isWaiting) return;
    const kept = recall(this.#key);
    const wanted = bodyOf(lines);
    const draft = kept ?? { order_id: mintOrderId(this.#editionId), ...wanted };
    const { order_id: orderId, ...asked } = draft;
    this.requested =
      JSON.stringify(bodyOf(asked.lines ?? [asked])) === JSON.stringify(wanted)
        ? null
        : { quantity: unitsOf(lines), priceMinor: lines[0].price_minor };
    remember(this.#key, draft);
    this.#repeat = () => this.place(lines, placement);
    const sent = { ...draft, edition_id: this.#editionId, ...(placement && { placement }) };
    await this.#begin(orderId, () => this.#send("/v1/orders", sent));
  }

  /**
   * Gives `amountMinor` now, and again every so many months; the same `giftId` is the same gift. By what is saved, or
   * by `details`: {payment_method, delivery}. Throws `Problem` when the giver must change something.
   */
  async giveEvery({ giftId, amountMinor, months, details = { one_tap: true }, placement = null }) {
    if (this.isWaiting) return;
    this.#repeat = () => this.giveEvery({ giftId, amountMinor, months, details, placement });
    await this.#begin(giftId, async () => {
      const gift = { gift_id: giftId, edition_id: this.#editionId, amount_minor: amountMinor, interval_months: months };
      const { last } = await this.#send("/v1/gifts", { ...gift, ...details, ...(placement && { placement }) });
      this.#keep(last);
      return last;
    });
  }

  /** Sends again what was never answered. */
  repeat() {
    this.#repeat();
  }

  async #begin(id, send) {
    this.order = null;
    this.go("place");
    try {
      this.#placed(await send());
    } catch (problem) {
      if (!problem.isTransient && !problem.isSignedOut) forget(this.#key);
      this.refusedId = id;
      this.go(problem.isSignedOut ? "signed_out" : problem.isTransient ? "lost" : "refused", problem);
      if (this.state === "refused") this.#emit("refused", { order_id: id, reason: problem.reason });
    }
  }

  /**
   * `details`: {payment_method, delivery, save} or {one_tap: true}. Throws `Problem` when the buyer must change
   * something.
   */
  async pay(details) {
    const path = `/v1/orders/${this.order.order_id}`;
    const payment = { ...details, attempt: this.attempt + 1 };
    this.go("pay");
    const isUnpaid = async () => {
      const order = await this.#ask("GET", path);
      this.#placed(order);
      return eventOf(order) === "held";
    };
    try {
      const order = await this.#send(`${path}/payment`, payment, isUnpaid);
      if (order) this.#placed(order);
    } catch (problem) {
      if (problem.isSignedOut) return this.go("signed_out", problem);
      if (problem.reason === "not_payable") return this.#placed(await this.#ask("GET", path));
      this.go("held"); // the shop didn't accept it
      throw problem;
    }
    return undefined;
  }

  /** Uses a code for the order that is held. Throws `Problem` when it gives nothing. */
  async useCode(code) {
    this.#placed(await this.#ask("POST", `/v1/orders/${this.order.order_id}/code`, { body: { code } }));
  }

  async cancel() {
    try {
      this.#placed(await this.#ask("POST", `/v1/orders/${this.order.order_id}/cancel`));
    } catch (problem) {
      if (problem.isSignedOut) this.go("signed_out", problem);
      // Otherwise the order's stream reports its actual state.
    }
  }

  /** After an end: ready for a new order, with a new id. */
  reset() {
    this.#clear();
    this.go("reset");
  }

  #clear() {
    this.#unwatch();
    this.order = null;
    this.requested = null;
  }

  /** After the shop has ended the session: this browser begins as somebody new. */
  startAgain() {
    endSession();
    forget(this.#key);
    this.mine = null;
    this.reset();
  }

  /**
   * POST with bounded repeats while the shop is busy or away; null when `worthIt()` says that a repeat isn't needed.
   */
  async #send(path, body, worthIt = async () => true) {
    for (let sends = 1; ; sends += 1) {
      try {
        return await this.#ask("POST", path, { body });
      } catch (error) {
        const problem = error instanceof Problem ? error : new Problem({ status: 0 });
        if (!problem.isTransient) throw problem;
        if (problem.status === 0 && !navigator.onLine) {
          this.go("offline");
          await backOnline();
          this.go("online");
          sends = 0;
        } else if (sends === SENDS_MAX) throw problem;
        else {
          this.go("busy", problem);
          await pause(Math.min((problem.retryAfterSeconds ?? 2 ** (sends - 1)) * 1000, WAIT_MS_MAX));
        }
        if (!(await worthIt().catch(() => true))) return null;
      }
    }
  }

  /** Back online: reads what happened meanwhile. */
  async #online() {
    this.go("online");
    if (!this.order || !this.isRunning) return;
    await this.#ask("GET", `/v1/orders/${this.order.order_id}`).then(
      (order) => this.#placed(order),
      () => {},
    );
  }

  #placed(order) {
    const previous = this.order;
    if (previous?.order_id === order.order_id && order.version < previous.version) return;
    const before = this.state;
    this.order = order;
    const event = eventOf(order);
    // A snapshot from before our payment request says nothing about it.
    if (!(before.startsWith("paying") && event === "held" && order.version === previous?.version)) this.go(event);
    if (DONE.has(this.state) || OVER.has(this.state)) forget(this.#key);
    this.#announce(previous, before);
    if (!this.#stop && this.isRunning) this.#watch();
    if (this.state !== before && !this.state.startsWith("paying")) this.#count();
  }

  #announce(previous, before) {
    const { order, state } = this;
    if (!previous && SCREENS[order.state] === "held") this.#emit("held", order);
    if (this.isDeclined && previous?.payment?.state !== "declined") this.#emit("declined", order);
    if (state === before) return;
    if (DONE.has(state)) this.#emit(state, order);
    else if (OVER.has(state)) this.#emit(order.state, order);
  }

  /** How many the buyer has, and may still buy. */
  async #count() {
    if (!hasSession()) return;
    try {
      this.#mine = await this.#ask("GET", `/v1/editions/${this.#editionId}/mine`);
      this.dispatchEvent(new Event("change"));
    } catch {
      // The refusal of an order states the limit, too.
    }
  }

  #keep({ order_id, lines }) {
    remember(this.#key, { order_id, ...bodyOf(lines) });
  }

  /** A request as the present person; the answer never comes if the page names another one meanwhile. */
  async #ask(method, path, options) {
    const epoch = this.#epoch;
    try {
      return await asBuyer(method, path, options);
    } finally {
      if (epoch !== this.#epoch) await new Promise(() => {});
    }
  }

  get #key() {
    return draftKey(this.#editionId);
  }

  /** Continues an order of this edition that another tab has begun. */
  #keepUp() {
    this.#unkept?.();
    this.#unkept = onOtherTab(this.#key, (draft) => draft && this.#catchUp());
  }

  /** The other tab stores its order's id before it sends it, so the shop may not know it yet. */
  async #catchUp() {
    for (let looks = 0; looks < LOOKS_MAX && this.state === "idle"; looks += 1) {
      await this.resume();
      await pause(LOOK_MS);
    }
  }

  #watch() {
    const id = this.order.order_id;
    this.#stop = watchOrder(
      id,
      (order) => this.order?.order_id === id && this.#placed(order),
      (status) => status === 401 && this.go("signed_out"),
    );
  }

  #unwatch() {
    this.#stop?.();
    this.#stop = null;
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent("milestone", { detail: { name, detail } }));
  }
}
