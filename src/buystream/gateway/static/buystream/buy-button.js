// <buy-button edition="ed0-..." [variant="..."] [quantity="2"] [lines="s:2,m:1"] [code="..."] [host-token="..."]>: an
// edition's price, the stock left, and the button that buys it. `variant` and `quantity` are fixed; `lines` is what a
// link chose, which the buyer may change; `code` is used for the order. `source`, `campaign` and `post` say where a tap
// comes from (placement.js). Emits buystream:held, :paid, :pledged, :declined, :refused, :expired, :cancelled and
// :refunded; detail is the order (or its id and reason). On the shop's own pages it sells here; on any other page in a
// frame of the shop's (framed-till.js).
import { origin, request } from "./api.js";
import { closed, opened } from "./back.js";
import { progressWords } from "./campaign.js";
import { h, icon } from "./dom.js";
import { FramedTill, signOutOfFrame } from "./framed-till.js";
import { trouble, watchBoard } from "./hub.js";
import { labelOf } from "./label.js";
import { OtherLines } from "./other-lines.js";
import { SALES } from "./order-states.js";
import { placementOf } from "./placement.js";
import { limitOf, linesOf, quantityOf } from "./quantity.js";
import { identify, signOut } from "./session.js";
import { styleSheet } from "./styles.js";
import { Till } from "./till.js";
import { boardOf, mineOf } from "./variants.js";
import { priceWords, stockWords, tierWords } from "./words.js";

const isOurPage = location.origin === origin;
const seen = new Set(); // editions whose button was seen on this page

/** This page's host token, from any button that has one: a page represents one person. */
const pageToken = () => document.querySelector("buy-button[host-token]")?.getAttribute("host-token") || null;

class BuyButton extends HTMLElement {
  static observedAttributes = ["code", "edition", "host-token", "quantity", "variant"];

  /** For host applications, when their user logs out without leaving the page. */
  static signOut() {
    for (const button of document.querySelectorAll("buy-button[host-token]")) button.removeAttribute("host-token");
    if (isOurPage) signOut();
    else signOutOfFrame();
  }

  #edition = null;
  #board = null;
  #till = null;
  #chosen = 1;
  #linked = []; // [{variant, quantity}] of the link, until they were taken over
  #missing = false;
  #visible = false;
  #unwatch = null;
  #seen = null;
  #shown = null;
  #onVisibility = () => this.#watch();

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open", delegatesFocus: true });
    root.adoptedStyleSheets = [styleSheet()];
    const step = (by, label, sign) =>
      h("button", { type: "button", class: "step", "aria-label": label, onclick: () => this.#step(by) }, sign);
    this.price = h("span", { class: "price", part: "price" });
    this.stock = h("span", { class: "stock", part: "stock" });
    this.tier = h("span", { class: "stock tier", part: "tier", hidden: true });
    this.bar = h("progress", { class: "bar", part: "bar", max: 1, value: 0, "aria-hidden": "true", hidden: true });
    this.variant = h("select", { class: "variant", part: "variant", "aria-label": "Choose one", hidden: true });
    this.variant.addEventListener("change", () => this.#choose());
    this.less = step(-1, "One fewer", "−");
    this.count = h("output", { class: "count", "aria-label": "Quantity" }, "1");
    this.more = step(1, "One more", "+");
    this.stepper = h(
      "div",
      { class: "stepper", part: "stepper", role: "group", "aria-label": "Quantity", hidden: true },
      this.less,
      this.count,
      this.more,
    );
    this.button = h("button", {
      type: "button",
      class: "primary buy",
      part: "button",
      onclick: () =>
        this.#till.tap({
          quantity: this.#quantity,
          others: this.others.wanted,
          placement: placementOf(this, { isOurPage }),
        }),
    });
    this.orders = h("button", { type: "button", class: "quiet", part: "orders", hidden: true }, "My orders");
    this.orders.addEventListener("click", () => this.#till.showOrders());
    this.status = h("span", { class: "visually-hidden", role: "status", "aria-live": "polite" });
    const facts = h("div", { class: "facts" }, this.price, this.stock);
    const row = h("div", { class: "row" }, this.stepper, this.button);
    this.others = new OtherLines({
      mineOf: (variant) => mineOf(this.#till.facts.whole, variant),
      changed: () => this.#render(),
    });
    const parts = [facts, this.tier, this.bar, this.variant, this.others.element, row, this.orders, this.status];
    root.append(h("div", { class: "widget", part: "widget" }, ...parts));
  }

  connectedCallback() {
    this.replaceChildren(); // the words for as long as there was no button
    this.#person();
    this.#start();
    this.#seen = new IntersectionObserver(
      (entries) => {
        this.#visible = entries.at(-1).isIntersecting;
        this.#watch();
      },
      { rootMargin: "300px" },
    );
    this.#seen.observe(this);
    this.#shown = new IntersectionObserver((entries) => entries.at(-1).isIntersecting && this.#wasSeen());
    this.#shown.observe(this);
    document.addEventListener("visibilitychange", this.#onVisibility);
    this.ticking = setInterval(() => this.#render(), 1000);
  }

  disconnectedCallback() {
    closed(this.#till);
    clearInterval(this.ticking);
    document.removeEventListener("visibilitychange", this.#onVisibility);
    this.#seen.disconnect();
    this.#shown.disconnect();
    this.#visible = false;
    this.#watch();
  }

  attributeChangedCallback(name, before, after) {
    if (before === after || !this.isConnected) return;
    if (name === "host-token") this.#person();
    else if (name === "edition") this.#start();
    else if (name === "code") this.#till.code = after ?? "";
    else if (name === "variant") this.#choose();
    else this.#render();
  }

  #person() {
    if (isOurPage) identify(pageToken());
    else FramedTill.identify(pageToken());
  }

  #start() {
    const edition = this.getAttribute("edition")?.trim();
    if (!edition) return this.#nameless();
    if (this.#till && this.edition === edition) return undefined;
    this.edition = edition;
    this.#unwatch?.();
    this.#unwatch = null;
    this.#edition = this.#board = null;
    this.#linked = linesOf(this.getAttribute("lines"));
    this.#chosen = this.#linked[0]?.quantity ?? 1;
    this.#missing = false;
    closed(this.#till);
    this.#till?.element?.remove();
    const till = isOurPage ? new Till(edition) : new FramedTill(edition, this);
    this.#till = till;
    till.code = this.getAttribute("code") ?? "";
    till.addEventListener("change", () => this.#render());
    till.addEventListener("opened", () => opened(till));
    till.addEventListener("closed", () => {
      closed(till);
      this.#chosen = 1;
      this.others.clear();
      this.button.focus();
      this.#render();
    });
    till.addEventListener("milestone", ({ detail: { name, detail } }) => {
      this.dispatchEvent(new CustomEvent(`buystream:${name}`, { detail, bubbles: true, composed: true }));
    });
    if (this.#till.element) this.shadowRoot.append(this.#till.element);
    this.#watch();
    return this.#render();
  }

  /** A page that names no edition yet, or forgot to. */
  #nameless() {
    if (this.#till) return;
    this.button.textContent = "Not on sale";
    this.button.disabled = true;
    console.warn("buystream: <buy-button> has no edition attribute, so it has nothing to sell", this);
  }

  /** The shop counts once for each page that its visitor saw the button. */
  #wasSeen() {
    if (!this.edition || seen.has(this.edition)) return;
    seen.add(this.edition);
    const placement = placementOf(this, { isOurPage });
    const body = { edition_id: this.edition, ...(placement && { placement }) };
    request("POST", "/v1/impressions", { body, keepalive: true }).catch(() => {}); // it is only a count
  }

  /** An invisible button keeps no connection open. */
  #watch() {
    const wanted = this.#till && this.#visible && !document.hidden;
    if (wanted && !this.#unwatch) {
      this.#unwatch = watchBoard(
        this.edition,
        (board) => this.#show(board),
        () => {
          this.#missing = true;
          this.#render();
        },
      );
    } else if (!wanted && this.#unwatch) {
      this.#unwatch();
      this.#unwatch = null;
    }
  }

  #show(board) {
    this.#edition = board;
    this.#till.show(board);
    this.#takeLink();
    this.#choose();
  }

  /** What the link chose is chosen, as far as it exists. */
  #takeLink() {
    const [first, ...others] = this.#linked.filter(({ variant }) => this.#has(variant));
    this.#linked = [];
    if (!first) return;
    this.#offer(this.#edition.variants, first.variant);
    this.others.take(others);
  }

  #has(variant) {
    return this.#edition.variants.some(({ variant_id: id, is_sold_out: isGone }) => id === variant && !isGone);
  }

  /** The variant that the page sets or the buyer chose is what this button is about. */
  #choose() {
    if (!this.#edition) return;
    const set = this.getAttribute("variant");
    const { variants } = this.#edition;
    this.#board = boardOf(this.#edition, set ?? (this.variant.value || null));
    this.variant.hidden = set !== null || variants.length < 2;
    if (!this.variant.hidden) this.#offer(variants);
    this.#till.choose(this.#board.variant_id);
    this.#render();
  }

  /** With a fixed variant or quantity the page has decided what a tap orders. */
  #offerOthers() {
    const isFixed = this.variant.hidden || quantityOf(this.getAttribute("quantity")) !== null;
    const isOffered = !isFixed && this.#board.can_order && this.#till.facts.state === "idle";
    this.others.show(this.#edition, this.#board.variant_id, isOffered);
  }

  #offer(variants, chosen = this.#board.variant_id) {
    const options = variants.map(({ variant_id: value, title, is_sold_out: isGone, ...price }) => {
      const cost = priceWords({ ...price, currency: this.#edition.currency });
      return h("option", { value, disabled: isGone }, isGone ? `${title} · sold out` : `${title} · ${cost}`);
    });
    this.variant.replaceChildren(...options);
    this.variant.value = chosen;
  }

  get #limit() {
    return limitOf(this.#board, this.#till.facts.mine);
  }

  /** The quantity that the page sets or the buyer chose, within the limit. */
  get #quantity() {
    if (!this.#board) return 1;
    return Math.min(quantityOf(this.getAttribute("quantity")) ?? this.#chosen, this.#limit);
  }

  #step(by) {
    this.#chosen = Math.max(1, Math.min(this.#limit, this.#quantity + by));
    this.#render();
  }

  #render() {
    if (!this.#till) return;
    this.orders.hidden = isOurPage || !this.#till.facts.isKnown;
    if (this.#board) {
      this.#facts();
      this.#offerOthers();
    }
    const { text, disabled, glyph } = labelOf({
      board: this.#board,
      isMissing: this.#missing,
      facts: this.#till.facts,
      quantity: this.#quantity,
      others: this.others.sum,
      trouble: trouble(),
    });
    const key = `${text}/${disabled}/${this.#board?.state}`;
    if (this.button.dataset.key === key) return;
    this.button.dataset.key = key;
    this.button.replaceChildren(...(glyph ? [icon(glyph)] : []), text);
    this.button.disabled = disabled;
    this.dataset.state = this.#board?.state ?? (this.#missing ? "missing" : "loading");
  }

  #facts() {
    const board = this.#board;
    const { text, isLow } = stockWords(board);
    this.price.textContent = priceWords(board);
    this.tier.textContent = tierWords(board);
    this.tier.hidden = !this.tier.textContent;
    if (this.stock.textContent !== text) this.stock.textContent = text;
    this.stock.classList.toggle("is-low", Boolean(isLow));
    this.bar.hidden = board.stock == null || !SALES[board.state].counts;
    this.bar.classList.toggle("is-low", Boolean(isLow));
    if (!this.bar.hidden) this.bar.value = board.stock ? board.available / board.stock : 0;
    if (board.campaign) this.#progress(board);
    const isFixed = quantityOf(this.getAttribute("quantity")) !== null || board.price_minor == null;
    this.stepper.hidden = isFixed || this.#limit < 2 || !board.can_order || this.#till.facts.state !== "idle";
    this.count.textContent = this.#quantity;
    this.less.disabled = this.#quantity <= 1;
    this.more.disabled = this.#quantity >= this.#limit;
    if (this.button.dataset.state !== board.state) {
      if (this.button.dataset.state) this.status.textContent = `${board.title}: ${board.state.replace("_", " ")}`;
      this.button.dataset.state = board.state;
    }
  }

  /** A campaign's bar carries information of its own, so screen readers announce it. */
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
}

if (!customElements.get("buy-button")) customElements.define("buy-button", BuyButton);
