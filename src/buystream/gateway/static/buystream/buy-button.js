// <buy-button edition="ed0-..." [quantity="2"] [host-token="..."]>: an edition's price, what is left, and the tap that buys.
// Emits buystream:held, :paid, :pledged, :declined, :refused, :expired, :cancelled and :refunded; detail is the order (or its id and reason).
import { watchBoard } from "./boards.js";
import { isPledge, progressWords } from "./campaign.js";
import { duration, h, icon, ICONS } from "./dom.js";
import { money, shortMoney } from "./money.js";
import { mintOrderId } from "./order-id.js";
import { Purchase } from "./purchase.js";
import { Sheet } from "./sheet.js";
import { styleSheet } from "./styles.js";
import { stockWords, wordsOf } from "./words.js";

class BuyButton extends HTMLElement {
  static observedAttributes = ["edition"];

  #board = null;
  #purchase = null;
  #sheet = null;
  #chosen = 1;
  #missing = false;
  #visible = false;
  #unwatch = null;
  #seen = null;
  #onVisibility = () => this.#watch();

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open", delegatesFocus: true });
    root.adoptedStyleSheets = [styleSheet()];
    this.price = h("span", { class: "price", part: "price" });
    this.stock = h("span", { class: "stock", part: "stock" });
    this.bar = h("progress", { class: "bar", part: "bar", max: 1, value: 0, "aria-hidden": "true", hidden: true });
    this.less = h("button", { type: "button", class: "step", "aria-label": "One fewer", onclick: () => this.#step(-1) }, "−");
    this.count = h("output", { class: "count", "aria-label": "Quantity" }, "1");
    this.more = h("button", { type: "button", class: "step", "aria-label": "One more", onclick: () => this.#step(1) }, "+");
    this.stepper = h("div", { class: "stepper", part: "stepper", role: "group", "aria-label": "Quantity", hidden: true }, this.less, this.count, this.more);
    this.button = h("button", { type: "button", class: "primary buy", part: "button", onclick: () => this.#tapped() });
    this.status = h("span", { class: "visually-hidden", role: "status", "aria-live": "polite" });
    root.append(h("div", { class: "widget", part: "widget" },
      h("div", { class: "facts" }, this.price, this.stock), this.bar, h("div", { class: "row" }, this.stepper, this.button), this.status));
  }

  connectedCallback() {
    this.#start();
    this.#seen = new IntersectionObserver((entries) => {
      this.#visible = entries.at(-1).isIntersecting;
      this.#watch();
    }, { rootMargin: "300px" });
    this.#seen.observe(this);
    document.addEventListener("visibilitychange", this.#onVisibility);
    this.ticking = setInterval(() => this.#render(), 1000);
  }

  disconnectedCallback() {
    clearInterval(this.ticking);
    document.removeEventListener("visibilitychange", this.#onVisibility);
    this.#seen.disconnect();
    this.#visible = false;
    this.#watch();
  }

  attributeChangedCallback(name, before, after) {
    if (before !== null && before !== after) this.#start();
  }

  #start() {
    const edition = this.getAttribute("edition");
    if (!edition || (this.#purchase && this.edition === edition)) return;
    this.edition = edition;
    this.#unwatch?.();
    this.#unwatch = null;
    this.#board = null;
    this.#sheet?.element.remove();
    this.#purchase = new Purchase(edition, this.getAttribute("host-token"));
    this.#purchase.addEventListener("change", () => this.#render());
    this.#purchase.addEventListener("milestone", ({ detail: { name, detail } }) => {
      this.dispatchEvent(new CustomEvent(`buystream:${name}`, { detail, bubbles: true, composed: true }));
    });
    this.#sheet = new Sheet({ purchase: this.#purchase, board: () => this.#board, actions: {
      buy: (quantity, priceMinor) => this.#purchase.place(quantity, priceMinor),
      giveEvery: (gift) => this.#purchase.giveEvery({ giftId: mintOrderId(this.edition), ...gift }),
      again: () => this.#again(),
      closed: () => { this.button.focus(); this.#render(); },
    } });
    this.shadowRoot.append(this.#sheet.element);
    this.#purchase.resume();
    this.#watch();
    this.#render();
  }

  /** A button that nobody sees keeps no connection. */
  #watch() {
    const wanted = this.#visible && !document.hidden;
    if (wanted && !this.#unwatch) {
      this.#unwatch = watchBoard(this.edition, (board) => { this.#board = board; this.#render(); }, () => { this.#missing = true; this.#render(); });
    } else if (!wanted && this.#unwatch) {
      this.#unwatch();
      this.#unwatch = null;
    }
  }

  get #limit() {
    const { limit_per_buyer: limit, available } = this.#board;
    return Math.max(1, Math.min(limit ?? 1, available ?? limit ?? 1));
  }

  get #quantity() {
    return Number(this.getAttribute("quantity")) || Math.min(this.#chosen, this.#limit);
  }

  #step(by) {
    this.#chosen = Math.max(1, Math.min(this.#limit, this.#quantity + by));
    this.#render();
  }

  #tapped() {
    const { phase } = this.#purchase;
    if (["refused", "unreachable"].includes(phase) || this.#purchase.isEnded) this.#again();
    else {
      if (phase === "idle" && this.#board.price_minor != null) this.#purchase.place(this.#quantity, this.#board.price_minor);
      this.#sheet.open();
    }
  }

  /** The next try: the same request when it was never answered, otherwise a new one. */
  #again() {
    const unanswered = this.#purchase.phase === "unreachable";
    if (!unanswered) this.#purchase.reset();
    if (this.#board.state !== "open") return;
    if (unanswered) this.#purchase.repeat();
    else if (this.#board.price_minor != null) this.#purchase.place(this.#quantity, this.#board.price_minor);
    this.#sheet.open();
    this.#sheet.render();
  }

  #render() {
    if (this.#board) this.#facts();
    const { text, disabled, glyph } = this.#label();
    const key = `${text}/${disabled}/${this.#board?.state}`;
    if (this.button.dataset.key !== key) {
      this.button.dataset.key = key;
      this.button.replaceChildren(...(glyph ? [icon(glyph)] : []), text);
      this.button.disabled = disabled;
      this.dataset.state = this.#board?.state ?? (this.#missing ? "missing" : "loading");
    }
    this.#sheet?.render();
  }

  #facts() {
    const board = this.#board;
    const { text, isLow } = stockWords(board);
    this.price.textContent = board.price_minor == null ? `From ${shortMoney(board.price_min_minor, board.currency)}` : money(board.price_minor, board.currency);
    if (this.stock.textContent !== text) this.stock.textContent = text;
    this.stock.classList.toggle("is-low", Boolean(isLow));
    this.bar.hidden = board.stock == null || ["scheduled", "closed", "cancelled"].includes(board.state);
    this.bar.classList.toggle("is-low", Boolean(isLow));
    if (!this.bar.hidden) this.bar.value = board.stock ? board.available / board.stock : 0;
    if (board.campaign) this.#progress(board);
    this.stepper.hidden = this.hasAttribute("quantity") || board.price_minor == null || this.#limit < 2 || board.state !== "open" || this.#purchase.phase !== "idle";
    this.count.textContent = this.#quantity;
    this.less.disabled = this.#quantity <= 1;
    this.more.disabled = this.#quantity >= this.#limit;
    if (this.button.dataset.state !== board.state) {
      if (this.button.dataset.state) this.status.textContent = `${board.title}: ${board.state.replace("_", " ")}`;
      this.button.dataset.state = board.state;
    }
  }

  /** A campaign's bar says something of its own, so a screen reader reads it too. */
  #progress(board) {
    const { text, detail, share } = progressWords(board);
    this.price.textContent = text;
    this.stock.textContent = detail;
    this.bar.hidden = false;
    this.bar.classList.add("is-progress");
    this.bar.removeAttribute("aria-hidden");
    this.bar.setAttribute("aria-label", "Raised");
    this.bar.setAttribute("aria-valuetext", text);
    this.bar.value = share;
  }

  #label() {
    const board = this.#board;
    if (this.#missing) return { text: "Not on sale", disabled: true };
    if (!board) return { text: "Loading…", disabled: true };
    const { phase, order } = this.#purchase;
    if (phase === "placing" || phase === "waiting") return { text: "Getting it for you…", disabled: false };
    if (this.#purchase.isRunning) {
      const left = order.hold_expires_at_ms ? ` · ${duration(order.hold_expires_at_ms - Date.now())}` : "";
      return { text: `Continue your order${left}`, disabled: false };
    }
    if (this.#purchase.isPaid) return { text: "Paid", disabled: false, glyph: ICONS.check };
    if (this.#purchase.isPledged) return { text: "Pledged", disabled: false, glyph: ICONS.check };
    const words = wordsOf(board.kind);
    const total = board.price_minor == null || this.#quantity < 2 ? "" : ` ${this.#quantity} for ${money(board.price_minor * this.#quantity, board.currency)}`;
    switch (board.state) {
      case "open": return { text: (isPledge(board) ? "Pledge" : words.act) + total, disabled: false };
      case "scheduled": return { text: board.reason === "awaits_terms" ? "Opens soon" : opening(board.opens_at_ms), disabled: true };
      case "cancelled": return { text: "Cancelled", disabled: true };
      case "paused": return { text: "Paused for a moment", disabled: true };
      case "sold_out": return { text: "Sold out", disabled: true };
      default: return { text: "Sale closed", disabled: true };
    }
  }
}

function opening(opensAtMs) {
  if (!opensAtMs) return "Opens soon";
  const left = opensAtMs - Date.now();
  return left > 0 ? `Opens in ${duration(left)}` : "Opening…";
}

if (!customElements.get("buy-button")) customElements.define("buy-button", BuyButton);
