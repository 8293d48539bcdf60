// What can be seen and done in each state of a purchase: the inside of the sheet. What a state says is in says.js.
import { about } from "./about.js";
import { AmountForm } from "./amount-form.js";
import { constant, origin } from "./api.js";
import { openAtTheShop } from "./at-the-shop.js";
import { isPledge } from "./campaign.js";
import { codeField } from "./code-field.js";
import { DeliveryChoice, chosenWay } from "./delivery-choice.js";
import { ICONS, h, icon } from "./dom.js";
import { canVouch, onceSeen } from "./guard.js";
import { money } from "./money.js";
import { heading, muted, primary, promised, quiet, savedLines, summary } from "./parts.js";
import { PayForm } from "./pay-form.js";
import { parcelList } from "./parcels.js";
import { proofButton } from "./proof.js";
import { ATTEMPTS_MAX } from "./purchase.js";
import { areEnough, lackOnlyTheAddress } from "./saved-details.js";
import { nextStep, otherWords, says } from "./says.js";
import { asBuyer, changes } from "./session.js";
import { OVER } from "./states.js";
import { stockAlert } from "./stock-alert.js";
import { confirmInWindow } from "./window.js";
import { costWords, everyWords, termsWords, wordsOf } from "./words.js";

const GET_FREE = "Get it for free";
/** Which of the saved details another could take the place of. */
const otherDetails = (isFree, board) =>
  isFree ? "Use another address" : `Use another card or ${board.needs_address ? "address" : "e-mail address"}`;
// States in which somebody decides: the screen says what else there is to know.
const TELLING = new Set(["choosing", "free", "filling", "confirming"]);
// States in which there is nothing to do but wait.
const PASSING = new Set(["placing", "busy", "offline", "held", "paying", "paying_offline", "late"]);

export class Screens {
  #purchase;
  #board;
  #actions;
  #isFramed;
  #me = null; // what the shop knows of the buyer, and the payment form of
  #config = null;
  #meeting = false;
  #form = null;
  #formFor = "";
  #wantsOtherCard = false;
  #triedFor = ""; // the order for which a code was used that the page gave
  #plan = null; // {amountMinor, months}: a recurring gift that the giver has not confirmed yet

  /**
   * body, till: where the screens and the form for a card are shown. actions: the till's, and {close(), showOrders()}
   * of the sheet.
   */
  constructor({ purchase, board, isFramed, actions, body, till }) {
    this.#purchase = purchase;
    this.#board = board;
    this.#isFramed = isFramed;
    this.#actions = actions;
    this.body = body;
    this.till = till;
    changes.addEventListener("person", () => this.#forget());
  }

  /** What was known or typed belongs to another person. */
  #forget() {
    this.#me = null;
    this.#plan = null;
    this.#wantsOtherCard = false;
    this.#formFor = "";
    this.#form = null;
    this.till.replaceChildren();
    this.body.replaceChildren();
  }

  /** The sheet was closed: an unconfirmed recurring gift is discarded. */
  closed() {
    this.#plan = null;
    this.#wantsOtherCard = false;
  }

  /** Identifies a screen: the state, and what its words and buttons depend on. */
  key(state) {
    const { attempt, mine, order, problem } = this.#purchase;
    const isEnd = OVER.has(state) || state === "paid";
    return [
      state,
      attempt,
      order?.order_id,
      order?.discount?.code_id,
      isEnd && [this.#board().state, mine?.left, problem?.reason],
      this.#plan?.months,
    ].join();
  }

  /** The elements of a state's screen. */
  content(state) {
    const build = {
      choosing: () => this.#choosing(),
      planning: () => this.#planning(),
      plan_details: () => this.#planDetails(),
      free: () => this.#free(),
      unknown: () => [...this.#end(state), primary("Try again", () => this.#purchase.go("again"))],
      confirming: () => this.#confirming(),
      filling: () => this.#filling(),
      bank: () => this.#bank(),
      paid: () => this.#done(state),
      pledged: () => this.#done(state),
    }[state];
    if (build) return TELLING.has(state) ? [...build(), about(this.#board())] : build();
    return PASSING.has(state) ? this.#waiting(state) : this.#over(state);
  }

  /** Before the buyer can pay: what does the shop know of them, and which form takes the payment? */
  async meet() {
    if (this.#purchase.state !== "held" || this.#meeting) return;
    if (this.#purchase.isFree && !this.#board().needs_address) return this.#purchase.go("free");
    this.#meeting = true;
    try {
      await this.#known();
      this.#purchase.go(areEnough(this.#me, this.#board()) ? "known" : "stranger");
    } catch (problem) {
      this.#purchase.go(problem.isSignedOut ? "signed_out" : "unknown", problem);
    } finally {
      this.#meeting = false;
    }
    return undefined;
  }

  async #known() {
    [this.#me, this.#config] = await Promise.all([this.#me ?? asBuyer("GET", "/v1/me"), constant("/v1/config")]);
  }

  get #shown() {
    const next = this.#me?.next_gifts.find((gift) => gift.interval_months === this.#plan?.months);
    return { purchase: this.#purchase, board: this.#board(), plan: this.#plan, nextAtMs: next?.next_at_ms };
  }

  /** [heading, text] of a state. */
  #says(state) {
    return says(state, this.#shown);
  }

  #choosing() {
    const form = new AmountForm({
      board: this.#board(),
      onChosen: ({ amountMinor, months }) => {
        if (!months) return this.#actions.buy(1, amountMinor);
        this.#plan = { amountMinor, months };
        return this.#begin();
      },
    });
    return [heading(this.#says("choosing")[0]), promised(this.#board()), form.element];
  }

  /** A recurring gift is summarised in full before it starts, with the saved card or a new one. */
  async #begin() {
    try {
      await this.#known();
      this.#purchase.go(areEnough(this.#me, this.#board()) ? "plan" : "details");
    } catch (problem) {
      this.#purchase.go(problem.isSignedOut ? "signed_out" : "choose");
      this.#complain(problem);
    }
  }

  #planWords(state) {
    const [title, text] = this.#says(state);
    return [heading(title), h("p", { class: "promise" }, text)];
  }

  #planning() {
    const { amountMinor, months } = this.#plan;
    const amount = `${money(amountMinor, this.#board().currency)} ${everyWords(months).toLowerCase()}`;
    return [
      this.#planWords("planning"),
      this.#confirmed(`Give ${amount} with ${this.#card}`, () => this.#actions.giveEvery(this.#plan)),
      quiet("Use another card", () => this.#purchase.go("details")),
      quiet("Back", () => this.#purchase.go("choose")),
    ];
  }

  #planDetails() {
    const { amountMinor, months } = this.#plan;
    const { currency } = this.#board();
    const often = everyWords(months).toLowerCase();
    this.#showForm("plan", {
      saves: true,
      leave: ["Back", () => this.#purchase.go("choose")],
      onSubmit: ({ payment_method, delivery }) => {
        this.#me = null;
        return this.#actions.giveEvery({ ...this.#plan, details: { one_tap: false, payment_method, delivery } });
      },
    });
    this.#form.show({
      label: () => `Give ${money(amountMinor, currency)} ${often}`,
      amountMinor,
      currency,
      later: false,
    });
    return this.#planWords("plan_details");
  }

  get #card() {
    return this.#me?.card_label?.replaceAll(" ", "\u00a0") ?? "your saved card";
  }

  #waiting(state) {
    const [title, text] = this.#says(state);
    const glyph = state.includes("offline")
      ? icon(ICONS.offline, "icon large")
      : h("div", { class: "spinner", "aria-hidden": "true" });
    return [h("div", { class: "centre" }, glyph, heading(title), muted(text))];
  }

  /** What is held, and why the last payment failed. */
  #heldWords(state) {
    const [title, text] = this.#says(state);
    const other = otherWords(this.#purchase, this.#board());
    const terms = termsWords(this.#board(), this.#purchase.order.total_minor);
    return [
      heading(title),
      text && h("p", { class: "banner", role: "alert" }, `${text}${this.#triesLeft}`),
      other && h("p", { class: "promise", role: "note" }, other),
      summary(this.#purchase.order, this.#board()),
      this.#code(),
      terms && h("p", { class: "muted small" }, terms),
      promised(this.#board()),
    ];
  }

  /** A code makes it cheaper, before the first try to pay. */
  #code() {
    const { attempt, order } = this.#purchase;
    if (!this.#board().takes_codes || attempt || order.discount || !order.total_minor) return null;
    const given = this.#triedFor === order.order_id ? "" : this.#actions.code();
    this.#triedFor = order.order_id;
    return codeField({ given, use: (code) => this.#purchase.useCode(code) });
  }

  /** Automatic attempts don't count as tries, so after one of those the number isn't shown. */
  get #triesLeft() {
    const { attempt, order } = this.#purchase;
    const left = ATTEMPTS_MAX - attempt;
    return left > 0 && !order.payment.off_session ? ` ${left} of ${ATTEMPTS_MAX} tries left.` : "";
  }

  get #payWords() {
    return this.#wordsFor(this.#purchase.order.total_minor);
  }

  #wordsFor(total) {
    const { currency } = this.#purchase.order;
    if (!total) return GET_FREE;
    return `${isPledge(this.#board()) ? "Pledge" : "Pay"} ${money(total, currency)}`;
  }

  /** A button that pays with saved details: on another site's page, only once it has been seen. */
  #confirmed(text, press) {
    if (!this.#isFramed) return primary(text, press);
    if (canVouch()) {
      const button = primary(text);
      onceSeen(button, press);
      return button;
    }
    if (!this.#purchase.order)
      return primary("Confirm at the shop", () => open(`${origin}/e/${this.#board().edition_id}`));
    return primary("Confirm in a new window", () => confirmInWindow(this.#purchase.order.order_id));
  }

  /** Nothing to pay: usually the tap on the button was enough, and this is for a second try. */
  #free() {
    return [
      this.#heldWords("free"),
      primary(GET_FREE, () => this.take()),
      quiet("Cancel", () => this.#purchase.cancel()),
    ];
  }

  /** Takes a free order. */
  take() {
    return this.#pay({});
  }

  #confirming() {
    this.#formFor = ""; // with saved details, what was typed before no longer matters
    this.till.replaceChildren();
    const { delivery } = this.#me;
    const { isFree } = this.#purchase;
    const withCard = (total) => (total ? `${this.#wordsFor(total)} with ${this.#card}` : GET_FREE);
    const choice = this.#choice?.((option) => {
      confirm.disabled = !option;
      if (option) confirm.textContent = withCard(option.total_minor);
    });
    const confirm = this.#confirmed(withCard(this.#purchase.order.total_minor), () =>
      this.#pay({ one_tap: true, ...(choice && chosenWay(choice.chosen)) }),
    );
    choice?.show(delivery.address.country);
    return [
      this.#heldWords("confirming"),
      delivery && savedLines(delivery),
      choice?.element,
      confirm,
      quiet(otherDetails(isFree, this.#board()), () => this.#purchase.go("other")),
      quiet("Cancel", () => this.#purchase.cancel()),
    ];
  }

  /** Makes the choice of delivery for this order, where it has prices; otherwise null. */
  get #choice() {
    const { order_id: id, currency, shipping } = this.#purchase.order;
    if (!this.#board().shipping) return null;
    const load = (country) => asBuyer("GET", `/v1/orders/${id}/delivery-options?country=${country}`);
    return (onChosen) => new DeliveryChoice({ load, currency, wanted: shipping?.method_id, onChosen });
  }

  #filling(wantsOtherCard = this.#wantsOtherCard) {
    this.#wantsOtherCard = wantsOtherCard;
    const board = this.#board();
    const { total_minor: amountMinor, currency, gift_id: giftId } = this.#purchase.order;
    const { isDeclined } = this.#purchase;
    const isFree = this.#purchase.isFree && !board.shipping;
    const paysWithSaved =
      !(isFree || isDeclined || giftId || wantsOtherCard) && lackOnlyTheAddress(this.#me, board, this.#isFramed);
    this.#showForm(`order ${isFree} ${Boolean(giftId)} ${paysWithSaved}`, {
      isFree,
      choice: this.#choice,
      paysWithSaved,
      saves: Boolean(giftId),
      leave: ["Cancel", () => this.#purchase.cancel()],
      onSubmit: (details) => this.#pay(paysWithSaved ? { ...details, one_tap: true } : details),
    });
    if (isDeclined) this.#form.clearCard();
    const label = (total) => (paysWithSaved ? `${this.#wordsFor(total)} with ${this.#card}` : this.#wordsFor(total));
    this.#form.show({ label, amountMinor, currency, later: board.campaign?.charged === "at_end" });
    return this.#heldWords("filling");
  }

  /** The form for a new card, kept while its subject stays the same. */
  #showForm(subject, { isFree = false, choice = null, paysWithSaved = false, saves, leave: [text, leave], onSubmit }) {
    if (this.#formFor !== subject) {
      this.#formFor = subject;
      const { needs_address: needsAddress } = this.#board();
      this.#form = new PayForm({
        config: this.#config,
        isFree,
        needsAddress,
        choice,
        usual: this.#board().shipping?.ships_from,
        delivery: this.#me.delivery,
        paysWithSaved,
        pressed: paysWithSaved && this.#isFramed ? onceSeen : null,
        alwaysSaves: saves,
        onSubmit,
        onEscape: () => this.#actions.close(),
      });
      const other = paysWithSaved && quiet("Use another card", () => this.#filling(true));
      this.till.replaceChildren(...[this.#form.element, other, quiet(text, leave)].filter(Boolean));
    }
    this.till.hidden = false;
  }

  async #pay(details) {
    try {
      await this.#purchase.pay(details);
      if (details.save) this.#me = null;
      return true;
    } catch (problem) {
      if (problem.reason === "not_registered") this.#me = null;
      this.#complain(problem);
      return false;
    }
  }

  /** What went wrong, above what can be done about it. */
  async #complain(problem) {
    await this.#settled();
    const text = problem.isTransient
      ? "The shop didn’t answer. Please try again; you won’t pay twice."
      : problem.message;
    this.body.querySelector("#screen-title")?.after(h("p", { class: "banner", role: "alert" }, text));
  }

  /** Until the state is one in which something can be done. */
  async #settled() {
    while (this.#purchase.state === "held")
      await new Promise((resolve) => {
        this.#purchase.addEventListener("change", resolve, { once: true });
      });
  }

  #bank() {
    const url = new URL(this.#purchase.order.payment.authentication_url, origin);
    const isWeb = ["https:", "http:"].includes(url.protocol);
    const [title, text] = this.#says("bank");
    return [
      h("div", { class: "centre" }, icon(ICONS.bank, "icon large"), heading(title), muted(text)),
      isWeb &&
        h("a", { class: "primary", part: "bank-link", href: url.href, target: "_blank" }, "Open your bank’s page"),
      summary(this.#purchase.order, this.#board()),
    ];
  }

  #done(state) {
    const { order } = this.#purchase;
    const [title, text] = this.#says(state);
    return [
      h(
        "div",
        { class: "centre" },
        h("div", { class: "success" }, icon(ICONS.check)),
        heading(title, "big"),
        muted(text),
        muted(order.gift_id && "This gift repeats automatically. You can stop it at any time under “My orders”."),
        h("p", { class: "reference" }, "Order ", h("code", {}, order.order_id.slice(-8))),
      ),
      state === "pledged" && promised(this.#board()),
      state === "paid" && [parcelList(order), ...this.#files(order)],
      primary("Done", () => this.#actions.close()),
      h(
        "div",
        { class: "links" },
        this.#ordersLink(),
        state === "paid" && this.#another(),
        proofButton({ orderId: order.order_id }),
      ),
    ];
  }

  /** Tickets and downloads. Only a page of the shop itself has the cookie that opens theirs; it goes along there. */
  #files({ tickets_url: tickets, downloads_url: downloads }) {
    const link = (path, text) => {
      if (!path) return null;
      const { href, pathname } = new URL(path, origin);
      if (!this.#isFramed) return h("a", { class: "primary", href }, text);
      const opens = primary(text, () =>
        openAtTheShop(pathname).catch((problem) => {
          opens.textContent = problem.message;
        }),
      );
      return opens;
    };
    return [link(tickets, "Your tickets"), link(downloads, "Your downloads")];
  }

  #ordersLink() {
    if (this.#isFramed) return quiet("My orders", () => this.#actions.showOrders());
    return h("a", { class: "quiet", href: `${origin}/orders` }, "My orders");
  }

  /** One more of the same; with a fixed price, the label says how much. */
  #another() {
    const board = this.#board();
    const { mine } = this.#purchase;
    if (!board.can_order || mine?.left === 0) return null;
    const { again } = wordsOf(board.kind);
    const text = board.price_minor == null ? again : `${again}: 1 for ${costWords(board.price_minor, board.currency)}`;
    return quiet(text, () => this.#actions.another(1));
  }

  #over(state) {
    const action = nextStep(state, this.#shown);
    return [
      ...this.#end(state),
      action && primary(action, () => this.#actions.again()),
      this.#alert(state),
      this.#proof(state),
      h(
        "button",
        { type: "button", class: action ? "quiet" : "primary", onclick: () => this.#actions.close() },
        "Close",
      ),
    ];
  }

  /** A way to learn that there is stock again. */
  #alert(state) {
    const board = this.#board();
    const isSoldOut = board.available === 0 || this.#purchase.problem?.reason === "sold_out";
    return isSoldOut && (state === "unavailable" || state === "refused") && stockAlert(board);
  }

  /** Of a refusal; or that nothing is left. */
  #proof(state) {
    const { edition_id: editionId, state: sale } = this.#board();
    if (state === "refused") return proofButton({ orderId: this.#purchase.refusedId, editionId });
    return state === "unavailable" && sale === "sold_out" && proofButton({ editionId });
  }

  #end(state) {
    const [title, text] = this.#says(state);
    return [h("div", { class: "centre" }, icon(ICONS.gone, "icon large"), heading(title), muted(text))];
  }
}
