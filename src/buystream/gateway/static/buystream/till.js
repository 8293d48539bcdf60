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
  #purchase;
  #sheet;

  /** Emits "change", "milestone" ({name, detail}), "opened" and "closed". isFramed: on a page that isn't the shop's. */
  constructor(editionId, { isFramed = false } = {}) {
    super();
    this.#purchase = new Purchase(editionId);
    this.#sheet = new Sheet({
      purchase: this.#purchase,
      board: () => this.#board,
      isFramed,
      actions: {
        buy: (quantity, priceMinor) => this.#place(quantity, priceMinor),
        giveEvery: (gift) => this.#purchase.giveEvery({ giftId: mintOrderId(editionId), ...gift }),
        again: () => this.#again(),
        another: (quantity) => this.#another(quantity),
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
    const { state, order, mine } = this.#purchase;
    const { quantity, total_minor, currency, hold_expires_at_ms } = order ?? {};
    return {
      state,
      mine,
      isKnown: hasSession(),
      order: order && { quantity, total_minor, currency, hold_expires_at_ms },
    };
  }

  /** The newest board of the variant that is sold. */
  get #board() {
    return this.#shown && boardOf(this.#shown, this.#variant);
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

  /** The buyer orders `quantity`, or looks at the order in progress. */
  tap({ quantity = 1 } = {}) {
    if (!this.#shown) return;
    if (this.#purchase.isOver) this.#again(quantity);
    else {
      if (this.#purchase.state === "idle") this.#begin(quantity);
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

  #begin(quantity) {
    if (!this.#board.can_order) this.#purchase.go("gone");
    else if (this.#board.price_minor == null) this.#purchase.go("choose");
    else this.#place(Math.min(quantity, limitOf(this.#board, this.#purchase.mine)), this.#board.price_minor);
  }

  /** A free order needs one tap only, unless it ships. */
  async #place(quantity, priceMinor) {
    await this.#purchase.place(quantity, priceMinor, this.#board.variant_id);
    if (this.#purchase.isFree && !this.#board.needs_address) await this.#sheet.take();
  }

  /** The next attempt: the same request if it was never answered, otherwise a new order. */
  #again(quantity = this.#purchase.order?.quantity ?? 1) {
    const { state } = this.#purchase;
    if (state === "unreachable") this.#purchase.repeat();
    else {
      if (state === "signed_out") this.#purchase.startAgain();
      else this.#purchase.reset();
      this.#begin(quantity);
    }
    this.#open();
    this.#sheet.render();
  }

  /** Another order after one that is done: a gift of any amount, or `quantity` units. */
  #another(quantity) {
    this.#purchase.reset();
    this.#begin(quantity);
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
