// The purchase behind a button on another site's page: a frame of the shop's origin, one per page, which covers the
// page while the sheet is open. Session, saved details and payment stay in the frame, where no script of the page can
// read or press them; the page receives what its button shows.
import { origin } from "./api.js";
import { h, icon, ICONS } from "./dom.js";
import { carriedBy } from "./hub.js";
import { answer, ask } from "./ports.js";
import { recall, remember } from "./storage.js";
import { styleSheet } from "./styles.js";
import { themeOf } from "./theme.js";

const USED = `buystream.used@${origin}`; // a button here has been tapped before, so the frame may know an order
const READY_MS = 10_000;

let frame = null;
let hostToken = null;

export class FramedTill extends EventTarget {
  facts = { state: "idle", order: null, mine: null, whole: null, isKnown: false };
  code = "";
  #editionId;
  #button;
  #variant = null;

  constructor(editionId, button) {
    super();
    this.#editionId = editionId;
    this.#button = button;
    if (recall(USED)) this.#frame.attach(editionId, this);
  }

  /** The page speaks for this host's user, or with null for the person at this browser. */
  static identify(token) {
    if (token === hostToken) return;
    hostToken = token;
    frame?.send({ ask: "identify", hostToken });
  }

  show() {} // the frame watches for itself

  choose(variant) {
    this.#variant = variant;
    if (recall(USED)) this.#frame.send({ ask: "choose", edition: this.#editionId, variant });
  }

  tap({ quantity, others, placement }) {
    remember(USED, true);
    this.#frame.attach(this.#editionId, this);
    this.#frame.open(this.#editionId, this.#button);
    this.#frame.send({
      ask: "tap",
      edition: this.#editionId,
      variant: this.#variant,
      quantity,
      others,
      placement,
      code: this.code,
    });
  }

  showOrders() {
    this.#frame.open(this.#editionId, this.#button);
    this.#frame.send({ ask: "orders", edition: this.#editionId });
  }

  /** Opens the sheet on the order in progress; false when there is none. */
  reopen() {
    if (this.facts.state === "idle") return false;
    this.#frame.open(this.#editionId, this.#button);
    this.#frame.send({ ask: "reopen", edition: this.#editionId });
    return true;
  }

  close() {
    frame?.close();
    return true; // as far as this page knows
  }

  get #frame() {
    frame ??= new Frame(this.#button);
    return frame;
  }
}

/** The host's user has logged out. */
export function signOutOfFrame() {
  hostToken = null;
  if (!frame && recall(USED)) frame = new Frame(document.documentElement);
  frame?.send({ ask: "signOut" });
}

class Frame {
  #tills = new Map();
  #port = null;
  #waiting = [];
  #opener = null;

  constructor(themed) {
    this.themed = themed;
    const host = h("div", { "data-buystream": "" });
    const root = host.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [styleSheet()];
    const isDark = themeOf(themed).isDark;
    this.frame = h("iframe", {
      class: "checkout-frame",
      title: "Checkout",
      allow: `payment ${origin}; publickey-credentials-get ${origin}`,
    });
    // Without a scheme of its own, a browser paints the frame's background white.
    this.frame.style.colorScheme = isDark ? "dark" : "light";
    this.note = h("div", { class: "checkout-note" });
    this.dialog = h(
      "dialog",
      { class: "checkout", "aria-label": "Checkout", oncancel: (event) => this.#cancelled(event) },
      this.note,
      this.frame,
    );
    root.append(this.dialog);
    document.body.append(host);
    addEventListener("securitypolicyviolation", ({ blockedURI, effectiveDirective }) => {
      if (effectiveDirective === "frame-src" && blockedURI.startsWith(origin)) this.#blocked();
    });
    this.#load();
  }

  #load() {
    const channel = new MessageChannel();
    this.timer = setTimeout(() => this.#blocked(), READY_MS);
    answer(channel.port1, {
      ready: () => this.#ready(channel.port1),
      facts: ({ edition, facts }) =>
        this.#each(edition, (till) => {
          till.facts = facts;
          till.dispatchEvent(new Event("change"));
        }),
      milestone: ({ edition, detail }) =>
        this.#each(edition, (till) => till.dispatchEvent(new CustomEvent("milestone", { detail }))),
      closed: () => this.#closed(),
    });
    this.frame.addEventListener(
      "load",
      () => {
        const hello = { buystream: "checkout", theme: themeOf(this.themed), hostToken };
        this.frame.contentWindow.postMessage(hello, origin, [channel.port2]);
      },
      { once: true },
    );
    this.frame.src = `${origin}/checkout`;
  }

  #ready(port) {
    clearTimeout(this.timer);
    this.#port = port;
    this.note.replaceChildren();
    for (const question of this.#waiting.splice(0)) ask(port, question);
    const deliver = carriedBy((editions) => ask(port, { ask: "watch", editions }));
    port.addEventListener("message", ({ data }) => data.board && deliver(data.board, data.event));
  }

  /** Sends it as soon as the frame is ready. */
  send(question) {
    if (this.#port) ask(this.#port, question);
    else this.#waiting.push(question);
  }

  attach(edition, till) {
    const tills = this.#tills.get(edition) ?? new Set();
    if (!this.#tills.has(edition)) this.send({ ask: "attach", edition });
    this.#tills.set(edition, tills.add(till));
  }

  open(edition, button) {
    this.#opener = { edition, button };
    if (!this.#port)
      this.note.replaceChildren(h("div", { class: "spinner", role: "status", "aria-label": "Loading the checkout" }));
    if (!this.dialog.open) {
      this.dialog.showModal();
      this.#each(edition, (till) => till.dispatchEvent(new Event("opened")));
    }
    this.send({ ask: "theme", theme: themeOf(button) });
    this.frame.focus();
  }

  #each(edition, act) {
    for (const till of this.#tills.get(edition) ?? []) act(till);
  }

  #cancelled(event) {
    if (this.#port) event.preventDefault(); // the sheet inside closes first
    this.close();
  }

  close() {
    if (this.#port) this.send({ ask: "close" });
    else this.#closed();
  }

  #closed() {
    if (this.dialog.open) this.dialog.close();
    if (this.#opener) this.#each(this.#opener.edition, (till) => till.dispatchEvent(new Event("closed")));
    this.#opener = null;
  }

  /** This page doesn't allow the shop's frame, or the shop didn't answer: the buyer is sent to the shop itself. */
  #blocked() {
    if (this.#port) return;
    clearTimeout(this.timer);
    const address = this.#opener ? `${origin}/e/${this.#opener.edition}` : origin;
    this.note.replaceChildren(
      h(
        "div",
        { class: "checkout-blocked" },
        icon(ICONS.gone, "icon large"),
        h("p", {}, "The checkout can’t be shown on this page."),
        h("a", { class: "primary", href: address, target: "_blank", rel: "noopener" }, "Buy at the shop"),
        h("button", { type: "button", class: "quiet", onclick: () => this.#closed() }, "Close"),
      ),
    );
  }
}
