// What is behind one button, in a document of the shop's origin: a purchase, the sheet that shows it, and what a tap
// does.
import { mintOrderId } from "./order-id.js";
import { Purchase } from "./purchase.js";
import { hasSession } from "./session.js";
import { Sheet } from "./sheet.js";
import { limitOf } from "./quantity.js";
import { boardOf } from "./variants.js";

export class Till extends EventTarget {
  #shown = null;
  #variant = null;
  #placement = null; // where the last tap came from
  #wanted = []; // {variant, quantity} of each line of the last tap
  #purchase;
  #sheet;
  code = ""; // that the page or its link gives

  /** Emits "change", "milestone" ({name, detail}), "opened" and "closed". isFramed: on a page that isn't the shop's. */
  constructor(editionId, { isFramed = false } = {}) {
    super();
    this.#purchase = new Purchase(editionId);
    this.#sheet = new Sheet({
      purchase: this.#purchase,
      board: () => this.#board,
      isFramed,
      actions: {
        buy: (quantity, priceMinor) =>
          this.#place([{ variant_id: this.#board.variant_id, quantity, price_minor: priceMinor }]),
        giveEvery: (gift) => this.#giveEvery({ giftId: mintOrderId(editionId), ...gift }),
        again: () => this.#again(),
        code: () => this.code,
        another: (quantity) => this.#another([{ variant: this.#variant, quantity }]),
        closed: () => this.#closed(),
      },
    });
    this.#purchase.addEventListener("change", () => {
      this.#sheet.render();
      this.dispatchEvent(new Event("change"));
    });
    this.#purchase.addEventListener("milestone", ({ detail }) =>
      this.dispatchEvent(new CustomEvent("milestone", { detail })),
    );
    this.#purchase.resume();
  }

  /** The sheet, to be put beside the button. */
  get element() {
    return this.#sheet.element;
  }

  /** What the button needs to know. */
  get facts() {
    const { state, order, mine, whole } = this.#purchase;
    const { quantity, total_minor, currency, hold_expires_at_ms } = order ?? {};
    return {
      state,
      mine,
      whole,
      isKnown: hasSession(),
      order: order && { quantity, total_minor, currency, hold_expires_at_ms },
    };
  }

  /** The newest board of the variant that is sold; several that are ordered together go by the edition's title. */
  get #board() {
    if (!this.#shown) return null;
    const board = boardOf(this.#shown, this.#variant);
    return this.#purchase.order?.lines.length > 1 ? { ...board, title: this.#shown.title } : board;
  }

  /** The edition's newest board. */
  show(board) {
    this.#shown = board;
    if (this.#purchase.state === "unavailable" && board.can_order) this.#purchase.go("open");
    this.#sheet.render();
  }

  /** The buyer chooses one of the edition's variants. */
  choose(variant) {
    this.#variant = variant;
    this.#purchase.choose(variant);
  }

  /** The buyer orders `quantity`, and `others` ({variant, quantity}) with it, or looks at the order in progress. */
  tap({ quantity = 1, others = [], placement = null } = {}) {
    if (!this.#shown) return;
    this.#placement = placement;
    const wanted = [{ variant: this.#variant, quantity }, ...others];
    if (this.#purchase.isOver) this.#again(wanted);
    else {
      if (this.#purchase.state === "idle") this.#begin(wanted);
      this.#open();
    }
  }

  showOrders() {
    this.#open();
    this.#sheet.showOrders();
  }

  /** Opens the sheet on the order in progress, without a tap's effects. False when there is nothing to show. */
  reopen() {
    if (!this.#shown || this.#purchase.state === "idle") return false;
    this.#open();
    return true;
  }

  /** Returns whether the sheet was open. */
  close() {
    const { isOpen } = this.#sheet;
    this.#sheet.close();
    return isOpen;
  }

  #begin(wanted) {
    this.#wanted = wanted;
    if (!this.#board.can_order) this.#purchase.go("gone");
    else if (this.#board.price_minor == null) this.#purchase.go("choose");
    else this.#place(wanted.map((line) => this.#line(line)).filter(Boolean));
  }

  /** A line at its variant's price, within its limit; null when that is gone. */
  #line({ variant, quantity }) {
    const { variant_id, price_minor, can_order, ...board } = boardOf(this.#shown, variant);
    if (!can_order || price_minor == null) return null;
    return { variant_id, quantity: Math.min(quantity, limitOf(board, this.#purchase.mineOf(variant))), price_minor };
  }

  /** A free order needs one tap only, unless it ships. */
  async #place(lines) {
    await this.#purchase.place(lines, this.#placement);
    if (this.#purchase.isFree && !this.#board.needs_address) await this.#sheet.take();
  }

  #giveEvery(gift) {
    return this.#purchase.giveEvery({ ...gift, placement: this.#placement });
  }

  /** The next attempt: the same request if it was never answered, otherwise a new order. */
  #again(wanted = this.#once) {
    const { state } = this.#purchase;
    if (state === "unreachable") this.#purchase.repeat();
    else {
      if (state === "signed_out") this.#purchase.startAgain();
      else this.#purchase.reset();
      this.#begin(wanted);
    }
    this.#open();
    this.#sheet.render();
  }

  /** What one tap orders again: the lines of the order, or of several that were refused. */
  get #once() {
    const lines = this.#purchase.order?.lines ?? [];
    if (lines.length) return lines.map(({ variant_id: variant, quantity }) => ({ variant, quantity }));
    return this.#wanted.length > 1 ? this.#wanted : [{ variant: this.#variant, quantity: 1 }];
  }

  /** Another order after one that is done: a gift of any amount, or `quantity` units. */
  #another(wanted) {
    this.#purchase.reset();
    this.#begin(wanted);
    this.#sheet.render();
  }

  #open() {
    if (!this.#sheet.isOpen) this.dispatchEvent(new Event("opened"));
    this.#sheet.open();
  }

  /** An abandoned choice is discarded; a completed order stays on the button until the page is left. */
  #closed() {
    if (["choosing", "planning", "plan_details", "unavailable"].includes(this.#purchase.state))
      this.#purchase.go("reset");
    this.dispatchEvent(new Event("closed"));
  }
}
