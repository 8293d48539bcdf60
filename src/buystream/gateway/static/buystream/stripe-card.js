// Stripe's own form, in a frame of the shop's origin: Stripe.js has to live in a document of its own (it neither
// mounts in a shadow root nor shows anything above a modal dialog), and no other page, ours or a host's, has to let
// it in.
import { origin } from "./api.js";
import { h } from "./dom.js";
import { answer, ask } from "./ports.js";
import { themeOf } from "./theme.js";

const READY_MS = 15_000;
const BLOCKED =
  "The payment form could not be loaded. Some in-app browsers and blockers stop it: " +
  "try again, or open this page in your browser.";

export class StripeCard {
  #frame = null;
  #port = null;
  #shown = {};
  #timer = null;
  #onExpress;
  #onChange;
  #onEscape;

  /**
   * needsAddress: the wallets ask for one too. hasWallets: they are offered.
   * onExpress({payment_method, delivery}): a wallet was authorised;
   * resolves to true when it can be used. onChange(isReady). onEscape(): the key was pressed in there.
   */
  constructor({ needsAddress, hasWallets, onExpress, onChange, onEscape }) {
    this.#shown = { needsAddress, hasWallets };
    this.#onExpress = onExpress;
    this.#onChange = onChange;
    this.#onEscape = onEscape;
    this.place = h("div", { class: "payment-place", "aria-busy": "true" });
    this.problem = h("p", { class: "banner", role: "alert", hidden: true });
    this.retry = h(
      "button",
      { type: "button", class: "chip", hidden: true, onclick: () => this.#load() },
      "Load the form again",
    );
    this.element = h("fieldset", {}, h("legend", {}, "Payment"), this.place, this.problem, this.retry);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#port && this.show());
  }

  /**
   * {amountMinor, currency, save, later}: what is to be paid; `later` saves the method without an amount. The first
   * call loads the form.
   */
  show(changes = {}) {
    Object.assign(this.#shown, changes);
    if (!this.#frame) this.#load();
    else if (this.#port) ask(this.#port, { ask: "show", ...this.#question });
  }

  /** Nothing of ours to correct: Stripe says what is missing in its own fields. */
  check() {
    return null;
  }

  /**
   * The token of what was entered; null `delivery` only lets Stripe point at what is missing. Throws an Error for
   * people.
   */
  async method(delivery) {
    const { payment_method: method, problem } = await ask(this.#port, { ask: "method", delivery });
    if (problem) throw new Error(problem);
    return method;
  }

  /** Stripe keeps what was entered, to be corrected. */
  clear() {}

  get #question() {
    return { ...this.#shown, theme: themeOf(this.element) };
  }

  #load() {
    this.#port = null;
    this.#turn(true);
    const channel = new MessageChannel();
    const frame = h("iframe", {
      class: "payment-frame",
      src: `${origin}/payment-form`,
      title: "Secure payment form by Stripe",
      allow: "payment *",
    });
    answer(channel.port1, {
      ready: () => {
        this.#port = channel.port1;
        this.#turn(false);
        this.show();
      },
      blocked: ({ problem }) => this.#turn(false, problem || BLOCKED),
      height: ({ pixels }) => {
        frame.style.height = `${pixels}px`;
      },
      escape: () => this.#onEscape(),
      express: ({ payment_method, delivery }) => this.#onExpress({ payment_method, delivery }),
    });
    frame.addEventListener(
      "load",
      () => frame.contentWindow.postMessage({ buystream: "show", ...this.#question }, origin, [channel.port2]),
      { once: true },
    );
    this.#frame?.remove();
    this.#frame = frame;
    this.place.append(frame);
  }

  #turn(isLoading, problem = "") {
    clearTimeout(this.#timer);
    if (isLoading) this.#timer = setTimeout(() => this.#turn(false, BLOCKED), READY_MS);
    this.place.setAttribute("aria-busy", String(isLoading));
    this.place.hidden = Boolean(problem);
    this.problem.textContent = problem;
    this.problem.hidden = this.retry.hidden = !problem;
    this.#onChange(Boolean(this.#port) && !problem);
  }
}
