// The bottom sheet: a modal dialog (focus stays inside, Escape closes) that shows one purchase, step by step.
import { AmountForm } from "./amount-form.js";
import { asBuyer, constant, origin } from "./api.js";
import { isPledge, promise } from "./campaign.js";
import { ICONS, duration, h, icon } from "./dom.js";
import { money } from "./money.js";
import { PayForm } from "./pay-form.js";
import { ATTEMPTS_MAX } from "./purchase.js";
import { declineWords, endingWords, everyWords, refusalWords, termsWords, wordsOf } from "./words.js";

const DOUBLE_TAP_MS = 600;

export class Sheet {
  #purchase;
  #board;
  #actions;
  #screen = null;
  #me = null; // what the shop knows of the buyer, and the payment form of
  #config = null;
  #unmet = false;
  #form = null;
  #otherCard = false;
  #plan = null; // {amountMinor, months}: a gift to be given again and again, if the giver says so
  #warned = false;
  #openedAt = 0;

  /** board(): the edition's newest board. actions: {buy(quantity, priceMinor), again(), closed()}. */
  constructor({ purchase, board, actions }) {
    this.#purchase = purchase;
    this.#board = board;
    this.#actions = actions;
    this.timer = h("span", { class: "timer", part: "timer", role: "timer" });
    this.title = h("p", { class: "sheet-title" });
    this.body = h("div", { class: "sheet-body" });
    this.till = h("div", { class: "sheet-body till", hidden: true }); // hidden, never taken away: a frame would lose what was typed
    this.status = h("p", { class: "visually-hidden", role: "status", "aria-live": "polite" });
    this.element = h("dialog", { class: "sheet", part: "sheet", "aria-labelledby": "screen-title", onclose: () => this.#closed(), onclick: (event) => this.#clicked(event) },
      h("div", { class: "sheet-frame" },
        h("header", { class: "sheet-head" }, this.title, this.timer,
          h("button", { type: "button", class: "icon-button", "aria-label": "Close", onclick: () => this.close() }, icon(ICONS.close))),
        this.body, this.till, this.status));
  }

  get isOpen() {
    return this.element.open;
  }

  open() {
    if (this.isOpen) return;
    this.#screen = null;
    this.#openedAt = Date.now();
    this.element.showModal();
    this.ticking = setInterval(() => this.#tick(), 500);
    this.render();
  }

  close() {
    this.element.close();
  }

  /** A click beside the sheet closes it, but the second half of a double tap on the button is none. */
  #clicked(event) {
    if (event.target === this.element && Date.now() - this.#openedAt > DOUBLE_TAP_MS) this.close();
  }

  #closed() {
    clearInterval(this.ticking);
    this.#otherCard = false;
    this.#plan = null;
    this.#actions.closed();
  }

  /** Shows the screen that the purchase is at; the same screen is left alone, so nothing typed is lost. */
  render() {
    if (!this.isOpen) return;
    const screen = this.#which();
    this.#tick();
    if (screen === this.#screen) return;
    this.#screen = screen;
    const board = this.#board();
    this.title.textContent = board.title;
    this.till.hidden = true;
    const content = this[screen.split(":")[0]](board);
    this.body.replaceChildren(...content.filter(Boolean));
    this.body.dataset.screen = screen.split(":")[0];
    this.body.querySelector("#screen-title").focus({ preventScroll: true }); // which also reads it out
    this.element.scrollTop = 0;
  }

  #which() {
    const { phase, order } = this.#purchase;
    if (phase === "idle") return this.#plan ? "plan" : "amount";
    if (phase !== "placed") return phase;
    if (this.#purchase.isPaid) return "paid";
    if (this.#purchase.isPledged) return "pledged";
    if (this.#purchase.isEnded) return "ended";
    if (order.payment?.state === "authentication_required") return "bank";
    if (this.#purchase.isPayable && !this.#purchase.sending) {
      if (this.#unmet) return "unmet";
      if (!this.#me || !this.#config) {
        this.#meet();
        return "meeting";
      }
      return `pay:${this.#purchase.attempt}:${this.#mayOneTap}`;
    }
    return `paying:${this.#purchase.isLate}`;
  }

  /** Registered, and what is saved is enough for this edition. */
  get #mayOneTap() {
    const { registered, delivery } = this.#me;
    return registered && !this.#otherCard && (!this.#board().needs_address || Boolean(delivery?.address));
  }

  async #meet() {
    try {
      [, this.#config] = await Promise.all([this.#buyer(), constant("/v1/config")]);
    } catch {
      this.#unmet = true; // which form takes the payment isn't known
    }
    this.render();
  }

  /** What the shop remembers of the buyer. */
  async #buyer() {
    this.#me ??= await asBuyer("GET", "/v1/me").catch(() => ({ registered: false }));
    return this.#me;
  }

  #heading(text, className = "") {
    return h("h2", { id: "screen-title", tabindex: "-1", class: className }, text);
  }

  #spinner() {
    return h("div", { class: "spinner", "aria-hidden": "true" });
  }

  #summary() {
    const { quantity, price_minor: price, total_minor: total, currency } = this.#purchase.order;
    return h("p", { class: "summary" }, h("span", {}, quantity > 1 ? `${quantity} × ${money(price, currency)}` : "Total"), h("strong", {}, money(total, currency)));
  }

  #terms(board) {
    const text = termsWords(board, this.#purchase.order.total_minor);
    return text && h("p", { class: "muted small" }, text);
  }

  #promise(board) {
    const text = promise(board);
    return text && h("p", { class: "promise" }, text);
  }

  #hold() {
    const expires = this.#purchase.isRunning ? this.#purchase.order.hold_expires_at_ms : null;
    return expires ? expires - Date.now() : null;
  }

  #tick() {
    const left = this.#hold();
    this.timer.hidden = left === null;
    if (left === null) return;
    this.timer.replaceChildren(icon(ICONS.clock), h("span", { class: "visually-hidden" }, "Held for you for "), duration(left));
    this.timer.classList.toggle("is-short", left < 30_000);
    if (left < 30_000 && left > 0 && !this.#warned) {
      this.#warned = true;
      this.status.textContent = "30 seconds left of your hold.";
    }
    if (left > 30_000) this.#warned = false;
  }

  // The screens, in the order a buyer meets them.

  amount(board) {
    const form = new AmountForm({ board, buyer: () => this.#buyer(), onChosen: ({ amountMinor, months }) => {
      if (!months) return this.#actions.buy(1, amountMinor);
      this.#plan = { amountMinor, months };
      return this.render();
    } });
    return [this.#heading("How much would you like to give?"), this.#promise(board), form.element];
  }

  /** A gift that goes on by itself is said once more, in full, before it begins. */
  plan(board) {
    const { amountMinor, months } = this.#plan;
    const amount = money(amountMinor, board.currency);
    const next = new Date();
    next.setMonth(next.getMonth() + months);
    const often = everyWords(months).toLowerCase();
    const back = () => { this.#plan = null; this.render(); };
    return [
      this.#heading(`${amount} ${often}`),
      h("p", { class: "promise" }, `The first gift is charged today, the next one on ${next.toLocaleDateString(undefined, { dateStyle: "long" })}, and so on until you stop it. You can stop at any time under “My orders”.`),
      h("button", { type: "button", class: "primary", part: "pay-button", onclick: () => this.#giveEvery() }, `Give ${amount} ${often} with ${this.#card}`),
      h("button", { type: "button", class: "quiet", onclick: back }, "Back"),
    ];
  }

  #giveEvery() {
    const plan = this.#plan;
    this.#plan = null;
    this.#actions.giveEvery(plan);
  }

  get #card() {
    return this.#me?.card_label?.replaceAll(" ", "\u00a0") ?? "your saved card";
  }

  placing() {
    return [h("div", { class: "centre" }, this.#spinner(), this.#heading("Getting it for you…"), h("p", { class: "muted" }, "First come, first served. This takes a moment at most."))];
  }

  waiting() {
    return [h("div", { class: "centre" }, this.#spinner(), this.#heading("It’s very busy"), h("p", { class: "muted" }, "We keep sending the same order for you. It can’t be placed twice, so there’s no need to tap again."))];
  }

  unreachable() {
    return this.#end(ICONS.gone, "No answer from the shop", "Your order keeps its number: trying again can’t make a second one.", "Try again");
  }

  refused() {
    const { problem } = this.#purchase;
    const mayTry = this.#board().state === "open" && problem.reason !== "over_limit";
    return this.#end(ICONS.gone, ...refusalWords(problem), mayTry ? "Try again" : null);
  }

  meeting() {
    return [h("div", { class: "centre" }, this.#spinner(), this.#heading("It’s held for you"))];
  }

  unmet() {
    const retry = () => { this.#unmet = false; this.render(); };
    return [h("div", { class: "centre" }, icon(ICONS.gone, "icon large"), this.#heading("No answer from the shop"), h("p", { class: "muted" }, "It’s held for you all the same, and nothing was charged.")),
      h("button", { type: "button", class: "primary", onclick: retry }, "Try again")];
  }

  pay(board) {
    const { order } = this.#purchase;
    const declined = order.payment?.state === "declined";
    const total = money(order.total_minor, order.currency);
    return [
      this.#heading(declined ? "Try another card" : "It’s held for you"),
      declined && h("p", { class: "banner", role: "alert" }, `${declineWords(order.payment.reason)} Nothing was charged and your hold is safe.${this.#triesLeft}`),
      this.#summary(),
      this.#terms(board),
      this.#promise(board),
      ...(this.#mayOneTap ? [...this.#oneTap(total), this.#giveBack()] : this.#details(board, total, declined)),
    ];
  }

  /** Attempts of the clock's don't count as tries, so after one of those the number is left unsaid. */
  get #triesLeft() {
    const { attempt, order } = this.#purchase;
    return attempt < ATTEMPTS_MAX && !order.payment.off_session ? ` ${ATTEMPTS_MAX - attempt} of ${ATTEMPTS_MAX} tries left.` : "";
  }

  #giveBack() {
    return h("button", { type: "button", class: "quiet", onclick: () => this.#purchase.cancel() }, "Give it back");
  }

  #oneTap(total) {
    this.#form = null;
    this.till.replaceChildren();
    const { delivery } = this.#me;
    return [
      delivery && h("p", { class: "delivery" }, h("span", {}, delivery.name), h("span", { class: "muted" }, delivery.email), delivery.address && h("span", { class: "muted" }, delivery.address)),
      h("button", { type: "button", class: "primary", part: "pay-button", onclick: () => this.#pay({ one_tap: true }) }, `${isPledge(this.#board()) ? "Pledge" : "Pay"} ${total} with ${this.#card}`),
      h("button", { type: "button", class: "quiet", onclick: () => { this.#otherCard = true; this.render(); } }, "Use another card or address"),
    ];
  }

  #details(board, total, declined) {
    if (!this.#form) {
      this.#form = new PayForm({ config: this.#config, needsAddress: board.needs_address, delivery: this.#me.delivery, onSubmit: (details) => this.#pay(details), onEscape: () => this.close() });
      this.till.append(this.#form.element, this.#giveBack());
    }
    if (declined) this.#form.clearCard();
    this.till.hidden = false;
    const { total_minor: amountMinor, currency } = this.#purchase.order;
    this.#form.show({ label: `${isPledge(board) ? "Pledge" : "Pay"} ${total}`, amountMinor, currency, later: board.campaign?.charged === "at_end" });
    return [];
  }

  async #pay(details) {
    try {
      await this.#purchase.pay(details);
      if (details.save) this.#me = null;
      return true;
    } catch (problem) {
      if (problem.reason === "not_registered") this.#me = null;
      this.#screen = null;
      this.render();
      this.body.querySelector("#screen-title")?.after(h("p", { class: "banner", role: "alert" }, problem.isTransient ? "The shop didn’t answer. Please try again; you won’t pay twice." : problem.message));
      return false;
    }
  }

  paying() {
    const text = this.#purchase.isLate
      ? "Your hold ended before the bank answered. If it says yes and there are some left, it’s still yours; otherwise nothing is charged."
      : "Your hold waits while the bank answers.";
    return [h("div", { class: "centre" }, this.#spinner(), this.#heading("Paying…"), h("p", { class: "muted" }, text))];
  }

  bank() {
    const url = new URL(this.#purchase.order.payment.authentication_url, origin);
    const isWeb = ["https:", "http:"].includes(url.protocol);
    return [h("div", { class: "centre" }, icon(ICONS.bank, "icon large"), this.#heading("Your bank wants to be sure it’s you"), h("p", { class: "muted" }, "Approve the payment on your bank’s page, then come back. This page goes on by itself.")),
      isWeb && h("a", { class: "primary", part: "bank-link", href: url.href, target: "_blank" }, "Open your bank’s page"), this.#summary()];
  }

  paid(board) {
    const { order } = this.#purchase;
    const words = wordsOf(board.kind);
    const mayBuyAgain = board.state === "open" && (order.quantity < board.limit_per_buyer || board.stock == null);
    return [
      h("div", { class: "centre" }, h("div", { class: "success" }, icon(ICONS.check)), this.#heading(words.paid, "big"),
        h("p", { class: "muted" }, order.quantity > 1 ? `${order.quantity} ${words.many}, ${money(order.total_minor, order.currency)}, paid.` : `${money(order.total_minor, order.currency)}, paid.`),
        order.gift_id && h("p", { class: "muted" }, "It is given again by itself. You can stop it at any time under “My orders”."),
        h("p", { class: "reference" }, "Order ", h("code", {}, order.order_id.slice(-8)))),
      h("button", { type: "button", class: "primary", onclick: () => this.close() }, "Done"),
      h("div", { class: "links" },
        location.origin === origin && h("a", { class: "quiet", href: `${origin}/orders` }, "My orders"),
        mayBuyAgain && h("button", { type: "button", class: "quiet", onclick: () => this.#again() }, words.again)),
    ];
  }

  pledged(board) {
    const { order } = this.#purchase;
    return [
      h("div", { class: "centre" }, h("div", { class: "success" }, icon(ICONS.check)), this.#heading("Your pledge counts!", "big"),
        h("p", { class: "muted" }, `${money(order.total_minor, order.currency)}, pledged.`), h("p", { class: "reference" }, "Order ", h("code", {}, order.order_id.slice(-8)))),
      this.#promise(board),
      h("button", { type: "button", class: "primary", onclick: () => this.close() }, "Done"),
      location.origin === origin && h("a", { class: "quiet", href: `${origin}/orders` }, "My orders"),
    ];
  }

  ended() {
    const { order } = this.#purchase;
    const action = order.state === "expired" ? "Try again" : "Order again";
    return this.#end(ICONS.gone, ...endingWords(order), this.#board().state === "open" ? action : null);
  }

  #again() {
    this.close();
    this.#actions.again();
  }

  #end(paths, title, text, action) {
    return [h("div", { class: "centre" }, icon(paths, "icon large"), this.#heading(title), h("p", { class: "muted" }, text)),
      action && h("button", { type: "button", class: "primary", onclick: () => this.#actions.again() }, action),
      h("button", { type: "button", class: action ? "quiet" : "primary", onclick: () => this.close() }, "Close")];
  }
}
