// The bottom sheet: a modal dialog (focus stays inside, Escape closes) that shows one purchase, state by state. What
// a state shows is in screens.js.
import { origin } from "./api.js";
import { serverNow } from "./clock.js";
import { ICONS, duration, h, icon } from "./dom.js";
import { heading, quiet } from "./parts.js";
import { Screens } from "./screens.js";
import { themeOf } from "./theme.js";

const DOUBLE_TAP_MS = 600;

export class Sheet {
  #purchase;
  #board;
  #actions;
  #screens;
  #screen = null;
  #orders = null; // the frame of "My orders", while it is shown
  #warned = false;
  #openedAt = 0;

  /**
   * board(): the edition's newest board. actions: {buy(quantity, priceMinor), giveEvery, again(), another(),
   * closed()}.
   */
  constructor({ purchase, board, isFramed, actions }) {
    this.#purchase = purchase;
    this.#board = board;
    this.#actions = actions;
    this.timer = h("span", { class: "timer", part: "timer", role: "timer" });
    this.title = h("p", { class: "sheet-title" });
    this.offline = h("p", { class: "banner", role: "status", hidden: true });
    this.body = h("div", { class: "sheet-body" });
    // Hidden, never taken away: a frame would lose what was typed.
    this.till = h("div", { class: "sheet-body till", hidden: true });
    this.status = h("p", { class: "visually-hidden", role: "status", "aria-live": "polite" });
    const closing = { type: "button", class: "icon-button", "aria-label": "Close", onclick: () => this.close() };
    this.element = h(
      "dialog",
      {
        class: "sheet",
        part: "sheet",
        "aria-labelledby": "screen-title",
        onclose: () => this.#closed(),
        onclick: (event) => this.#clicked(event),
      },
      h(
        "div",
        { class: "sheet-frame" },
        h("header", { class: "sheet-head" }, this.title, this.timer, h("button", closing, icon(ICONS.close))),
        this.offline,
        this.body,
        this.till,
        this.status,
      ),
    );
    this.#screens = new Screens({
      purchase,
      board,
      isFramed,
      actions: { ...actions, close: () => this.close(), showOrders: () => this.showOrders() },
      body: this.body,
      till: this.till,
    });
    for (const event of ["online", "offline"]) addEventListener(event, () => this.#tick());
  }

  get isOpen() {
    return this.element.open;
  }

  open() {
    if (this.isOpen) return;
    this.#screen = null;
    this.#openedAt = performance.now();
    this.element.showModal();
    this.ticking = setInterval(() => this.#tick(), 500);
    this.render();
  }

  close() {
    this.element.close();
  }

  /** This buyer's orders, in the sheet: on another site's page there is no other place for them. */
  showOrders() {
    const scheme = themeOf(this.element).isDark ? "" : "#light"; // the page's, which may not be the system's
    const src = `${origin}/checkout/orders${scheme}`;
    this.#orders ??= h("iframe", { class: "orders-frame", src, title: "My orders" });
    this.render();
  }

  /** A click beside the sheet closes it, unless it is the second half of a double tap on the button. */
  #clicked(event) {
    if (event.target === this.element && performance.now() - this.#openedAt > DOUBLE_TAP_MS) this.close();
  }

  #closed() {
    clearInterval(this.ticking);
    this.#screens.closed();
    this.#orders = null;
    this.#actions.closed();
  }

  /** Takes a free order. */
  take() {
    return this.#screens.take();
  }

  /** Shows the purchase's state; an unchanged screen is left alone, so nothing typed is lost. */
  render() {
    if (!this.isOpen || !this.#board()) return;
    this.#screens.meet();
    const { state } = this.#purchase;
    this.#tick();
    const screen = this.#orders ? "orders" : this.#screens.key(state);
    if (screen === this.#screen) return;
    this.#screen = screen;
    this.title.textContent = this.#board().title;
    this.till.hidden = true;
    const content = this.#orders ? this.#ordersScreen() : this.#screens.content(state);
    this.body.replaceChildren(...content.flat().filter(Boolean));
    this.body.dataset.screen = this.#orders ? "orders" : state;
    this.body.querySelector("#screen-title").focus({ preventScroll: true }); // which also reads it out
    this.element.scrollTop = 0;
  }

  #tick() {
    const { isRunning, order } = this.#purchase;
    const left = isRunning && order.hold_expires_at_ms ? order.hold_expires_at_ms - serverNow() : null;
    this.timer.hidden = left === null;
    const isSaid = ["offline", "paying_offline"].includes(this.#purchase.state);
    this.offline.hidden = navigator.onLine || isSaid;
    this.offline.textContent = this.offline.hidden
      ? ""
      : "You’re offline. What you do here continues once you’re back online.";
    if (left === null) {
      this.status.textContent = "";
      return;
    }
    this.timer.replaceChildren(
      icon(ICONS.clock),
      h("span", { class: "visually-hidden" }, "Held for you for "),
      duration(left),
    );
    this.timer.classList.toggle("is-short", left < 30_000);
    if (left < 30_000 && left > 0 && !this.#warned) {
      this.#warned = true;
      this.status.textContent = "30 seconds left of your hold.";
    }
    if (left > 30_000) this.#warned = false;
  }

  #hideOrders() {
    this.#orders = null;
    if (this.#purchase.state === "idle") return this.close(); // there is nothing behind them
    return this.render();
  }

  /** The orders page itself, in a frame. */
  #ordersScreen() {
    return [heading("My orders"), this.#orders, quiet("Back", () => this.#hideOrders())];
  }
}
