// A past sale on the desk: a slider over its time, which plays like a film. Every picture is the shop's own answer for
// that moment; between two of them nothing is made up.
import { serverNow } from "../buystream/clock.js";
import { h } from "../buystream/dom.js";
import { money } from "../buystream/money.js";
import { clockTime, day, fullTime, momentField, momentOf } from "./moments.js";

const PICTURE_MS = 400; // between two pictures, at least
const SPEEDS = [1, 10, 60, 600, 3_600];
const FILM_MS = 60_000; // how long a sale should play by default, at most
const SETTLED_MS = 2_000; // what was decided later may still be on its way to the views
const NIGHT_MS = 12 * 3_600_000;
const ANOTHER = "another";
const CHANGES_MAX = 40;

const element = (id) => document.getElementById(id);
const iso = (atMs) => encodeURIComponent(new Date(atMs).toISOString());

/** How far a cancellation was, as its edition's board said then. */
export const pastCancellations = {
  words: ({ cancellation: { completed, failed } }) => {
    const ending = failed ? ` ${failed} refunds failed.` : completed ? " Refunds were completed." : "";
    return { text: `Cancelled.${ending}`, share: null };
  },
};

export class Past {
  #call;
  #show;
  #say;
  #onState;
  #sales = [];
  #playing = null;
  #wanted = null;
  #isLoading = false;

  /**
   * show(dashboard): draws a past one. say(message): a notice. onState(isPast): the desk is in the past from now on, or
   * back.
   */
  constructor({ call, show, say, onState }) {
    this.#call = call;
    this.#say = say;
    this.#show = show;
    this.#onState = onState;
    element("past-speed").replaceChildren(
      ...SPEEDS.map((speed) => h("option", { value: speed }, speed === 1 ? "real time" : `${speed}× as fast`)),
    );
    const start = momentField("past-start", "From", { call });
    element("past-start").replaceChildren(start);
    start.querySelector("input").addEventListener("change", () => this.#chooseStart());
    element("past-open").addEventListener("click", () => this.#open());
    element("past-leave").addEventListener("click", () => {
      this.leave();
      element("past-open").focus();
    });
    element("past-sale").addEventListener("change", () => this.#chooseSale());
    element("past-play").addEventListener("click", () => (this.#playing ? this.#pause() : this.#play()));
    element("past-slider").addEventListener("input", () => this.#goTo(Number(element("past-slider").value)));
    element("past-changes").addEventListener("toggle", () => this.#drawChanges());
  }

  isOpen = false;

  /** Back to live, also before another merchant signs in. */
  leave() {
    this.#pause();
    this.isOpen = false;
    this.#wanted = null;
    this.#blank(false);
    this.#draw();
    this.#onState(false);
  }

  async #open() {
    try {
      this.#sales = (await this.#call("GET", "/v1/merchant/dashboard/sales")).sales;
    } catch (problem) {
      this.#say(`The past sales could not be loaded. ${problem.message}`);
      return;
    }
    const options = this.#sales.map((sale) =>
      h("option", { value: sale.edition_id }, `${sale.title}, ${day(sale.from_ms)}, ${clockTime(sale.from_ms)}`),
    );
    element("past-sale").replaceChildren(...options, h("option", { value: ANOTHER }, "Another time"));
    this.isOpen = true;
    this.#draw();
    this.#onState(true);
    this.#chooseSale();
    element("past-play").focus();
  }

  #draw() {
    element("past-player").hidden = !this.isOpen;
    element("past-open").hidden = this.isOpen;
    element("past-leave").hidden = !this.isOpen;
  }

  #chooseSale() {
    const sale = this.#sales.find(({ edition_id: id }) => id === element("past-sale").value);
    element("past-start").hidden = Boolean(sale);
    if (sale) this.#span(sale.from_ms, sale.to_ms);
    else this.#pause();
  }

  async #chooseStart() {
    try {
      const fromMs = await momentOf(element("past-start").querySelector("input"));
      if (fromMs !== null) this.#span(fromMs, fromMs + NIGHT_MS);
    } catch (problem) {
      element("past-moment").textContent = problem.message;
    }
  }

  #span(fromMs, toMs) {
    this.#pause();
    const slider = element("past-slider");
    const seconds = Math.ceil((Math.min(toMs, serverNow() - SETTLED_MS) - fromMs) / 1_000);
    const endMs = fromMs + 1_000 * Math.max(1, seconds);
    Object.assign(slider, { min: fromMs, max: endMs, value: fromMs });
    const fits = SPEEDS.find((speed) => (endMs - fromMs) / speed <= FILM_MS);
    element("past-speed").value = fits ?? SPEEDS.at(-1);
    element("past-since").textContent = `What changed since ${clockTime(fromMs)}`;
    this.#goTo(fromMs);
  }

  #play() {
    const slider = element("past-slider");
    if (Number(slider.value) >= Number(slider.max)) slider.value = slider.min;
    element("past-play").textContent = "Pause";
    let last = performance.now();
    let shownMs = Number(slider.value); // the slider rounds to its steps
    let atMs = shownMs;
    this.#playing = setInterval(() => {
      const now = performance.now();
      const speed = Number(element("past-speed").value);
      if (Number(slider.value) !== shownMs) atMs = Number(slider.value); // somebody moved it
      atMs = Math.min(atMs + (now - last) * speed, Number(slider.max));
      last = now;
      slider.value = atMs;
      shownMs = Number(slider.value);
      this.#goTo(Math.round(atMs));
      if (atMs >= Number(slider.max)) this.#pause();
    }, PICTURE_MS);
  }

  #pause() {
    if (!this.#playing) return;
    clearInterval(this.#playing);
    this.#playing = null;
    element("past-play").textContent = "Play";
    this.#drawChanges();
  }

  /** Shows the newest moment that the slider reached; those that it passed meanwhile are skipped. */
  async #goTo(atMs) {
    element("past-slider").setAttribute("aria-valuetext", fullTime(atMs));
    this.#wanted = atMs;
    if (this.#isLoading) return;
    this.#isLoading = true;
    while (this.#wanted !== null) {
      const asked = this.#wanted;
      this.#wanted = null;
      await this.#showMoment(asked);
    }
    this.#isLoading = false;
    if (!this.#playing) this.#drawChanges();
  }

  async #showMoment(atMs) {
    const place = element("past-moment");
    try {
      const dashboard = await this.#call("GET", `/v1/merchant/dashboard?as_of=${iso(atMs)}`);
      if (!this.isOpen) return;
      place.textContent = `As of ${fullTime(dashboard.as_of_ms)}`;
      this.#show(dashboard);
      this.#blank(false);
    } catch (problem) {
      place.textContent = problem.message;
      this.#blank(this.isOpen);
    }
  }

  /** Figures of another moment are not left standing beside a problem. */
  #blank(isBlank) {
    document.body.classList.toggle("is-blank", isBlank);
  }

  async #drawChanges() {
    const slider = element("past-slider");
    const [fromMs, toMs] = [Number(slider.min), Number(slider.value)];
    if (!this.isOpen || this.#playing || !element("past-changes").open) return;
    let lines = ["Nothing: this is the beginning."];
    if (toMs > fromMs) {
      try {
        const path = `/v1/merchant/dashboard/changes?from=${iso(fromMs)}&to=${iso(toMs)}`;
        lines = linesOf(await this.#call("GET", path));
      } catch (problem) {
        lines = [problem.message];
      }
    }
    element("past-list").replaceChildren(...lines.map((line) => h("li", {}, line)));
  }
}

/** OrderPlaced: "order placed". */
const eventWords = (name) => name.replaceAll(/\B[A-Z]/g, (letter) => ` ${letter}`).toLowerCase();
const spoken = (name) => name.replaceAll(/_minor|_ms$/g, "").replaceAll(/[._]/g, " ");

/** The value of a figure: money in its currency, a moment, a share, or what it says. */
function value(one, field) {
  const currency = /^revenue_minor\.(.+)$/.exec(field)?.[1];
  if (currency) return money(one ?? 0, currency);
  if (typeof one === "string") return one.replaceAll("_", " ");
  if (typeof one !== "number") return one ?? "none";
  if (field === "conversion") return `${(100 * one).toFixed(1)}%`;
  return field.endsWith("_ms") ? fullTime(one) : one.toLocaleString();
}

/** What changed, in words: figures, then each edition's, then events by type. */
function linesOf({ totals, editions, happened }) {
  const line = ({ field, before, after }) => `${spoken(field)}: ${value(before, field)} → ${value(after, field)}`;
  const events = Object.entries(happened).map(([name, number]) => `${number.toLocaleString()} × ${eventWords(name)}`);
  const ofEditions = editions.flatMap(({ title, changed }) =>
    changed.filter(({ field }) => !/^(can_|variants\.|version)/.test(field)).map((one) => `${title}, ${line(one)}`),
  );
  const lines = [...totals.map(line), ...ofEditions, ...events];
  return lines.length > CHANGES_MAX ? [...lines.slice(0, CHANGES_MAX), "and more"] : lines.length ? lines : ["Nothing"];
}
