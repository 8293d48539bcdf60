// The packing table: orders by what is to be done with them, what is printed for them, and their parcels.
import { arrange, h } from "../buystream/dom.js";
import { ask, field } from "./ask.js";
import { offerEditions } from "./edition-choice.js";
import { day } from "./moments.js";
import { askAnswer, askExchange, askInspection, askReturn } from "./parcels-back.js";
import { askImport } from "./parcels-import.js";
import { askNext, askPack, contents } from "./parcels-out.js";

const REFRESH_MS_MIN = 5_000;
const element = (id) => document.getElementById(id);
const QUEUES = {
  to_pack: "Nothing waits to be packed.",
  packed: "Nothing packed waits.",
  on_the_way: "No parcel is on its way.",
  asked_back: "No buyer asks to send something back.",
  came_back: "No goods wait to be looked at.",
};
const LAYOUTS = [
  ["3x8", "A4, 3 across and 8 down (70 × 37 mm)"],
  ["2x7", "A4, 2 across and 7 down (99.1 × 38.1 mm)"],
  ["2x4", "A4, 2 across and 4 down (99.1 × 67.7 mm)"],
  ["100x150", "Label printer, 100 × 150 mm"],
];

/** A row is drawn again when this changes. */
const keyOf = ({ version, can_pack, can_refund }) => [version, can_pack, can_refund].join();

export class Parcels {
  #call;
  #say;
  #print;
  #carriers;
  #editions = [];
  #loadedAt = -Infinity;
  #next = null;
  #rows = new Map();

  /** `print(body, name)` fetches the PDF of POST /v1/merchant/packing.pdf as a file. */
  constructor({ call, say, print }) {
    this.#call = call;
    this.#say = say;
    this.#print = print;
    this.#carriers = JSON.parse(element("parcels-panel").dataset.carriers);
    element("parcels-edition").addEventListener("change", () => this.#load());
    element("parcels-queue").addEventListener("change", () => this.#load());
    element("parcels-more").addEventListener("click", () => this.#load(this.#next));
    element("parcels-all").addEventListener("change", ({ currentTarget: all }) => {
      for (const box of this.#boxes()) box.checked = all.checked;
    });
    element("parcels-print").addEventListener("click", () => this.#askPrint());
    element("parcels-import").addEventListener("click", () =>
      askImport({ call: this.#call, done: (words) => this.#done(words) }),
    );
  }

  /** Before another merchant signs in. */
  clear() {
    this.#loadedAt = -Infinity;
    this.#editions = [];
    this.#rows.clear();
    element("parcels").replaceChildren();
    element("parcels-panel").hidden = true;
  }

  /** The dashboard has come: what goes to an address is packed, the newest edition first. */
  async refresh(editions) {
    this.#editions = editions.filter(({ needs_address: isSent }) => isSent);
    element("parcels-panel").hidden = !this.#editions.length;
    const isUsed = element("parcels").contains(document.activeElement) || this.#chosen().length > 0;
    const isRecent = performance.now() - this.#loadedAt < REFRESH_MS_MIN;
    if (!this.#editions.length || document.hidden || isRecent || isUsed) return;
    offerEditions(element("parcels-edition"), this.#editions);
    await this.#load();
  }

  get #edition() {
    return this.#editions.find(({ edition_id: id }) => id === element("parcels-edition").value);
  }

  #boxes = () => [...element("parcels").querySelectorAll("input[type=checkbox]")];
  #chosen = () => this.#boxes().filter(({ checked }) => checked);

  /** The first page, or the one that follows `after`. */
  async #load(after = null) {
    this.#loadedAt = performance.now();
    const queue = element("parcels-queue").value;
    const query = new URLSearchParams({ queue, ...(after && { after }) });
    try {
      const page = await this.#call("GET", `/v1/merchant/editions/${this.#edition.edition_id}/packing?${query}`);
      const before = after ? [...this.#rows.values()] : [];
      const rows = page.orders.map((order) => this.#known(order) ?? this.#row(order));
      this.#rows = new Map([...before, ...rows].map((row) => [row.dataset.id, row]));
      this.#next = page.next;
      arrange(element("parcels"), [...this.#rows.values()]);
      element("parcels-more").hidden = page.next === null;
      element("parcels-empty").textContent = QUEUES[queue];
      element("parcels-empty").hidden = this.#rows.size > 0;
      element("parcels-choice").hidden = this.#rows.size === 0;
      element("parcels-all").checked = false;
    } catch (problem) {
      this.#say(`The parcels could not be loaded. ${problem.message}`);
    }
  }

  #known(order) {
    const row = this.#rows.get(order.order_id);
    return row?.dataset.key === keyOf(order) ? row : null;
  }

  #row(order) {
    const number = order.order_id.slice(-8).toUpperCase();
    const { lines, parcels, requests, returns } = order.fulfilment;
    const words = (units) => contents(units, order);
    const left = lines.map((line) => ({ ...line, quantity: line.current - line.fulfilled })).filter(
      ({ quantity }) => quantity > 0,
    );
    return h(
      "li",
      { "data-id": order.order_id, "data-key": keyOf(order) },
      h(
        "div",
        { class: "parcel-head" },
        h("input", { type: "checkbox", id: `parcel-${order.order_id}`, value: order.order_id }),
        h("label", { for: `parcel-${order.order_id}` }, h("strong", {}, `Order ${number}`)),
        h("span", { class: "muted" }, `${day(order.placed_at_ms)} · ${order.buyer?.name ?? "Erased on request"}`),
      ),
      h(
        "ul",
        { class: "parcel-lines" },
        left.length > 0 && h("li", {}, "Not sent yet: ", words(left)),
        ...parcels.map((parcel) => this.#parcel(order, parcel)),
        ...requests.map((request) => this.#request(order, request)),
        ...returns.filter(({ waits }) => waits).map((back) => this.#back(order, back)),
      ),
      h(
        "div",
        { class: "edition-actions" },
        order.can_pack && button("Pack", `Pack order ${number}`, () => askPack(this.#desk, order)),
        order.can_refund &&
          parcels.length > 0 &&
          button("Goods came back", `Goods of order ${number} came back`, () => askReturn(this.#desk, order)),
        this.#edition.variants.length > 1 &&
          button("Exchange", `Exchange something of order ${number}`, () =>
            askExchange(this.#desk, order, this.#edition),
          ),
      ),
    );
  }

  #parcel(order, parcel) {
    const { carrier, tracking, tracking_url: link } = parcel;
    const where = [carrier, tracking].filter(Boolean).join(" ");
    return h(
      "li",
      {},
      h("span", { class: `state ${parcel.is_over ? "" : "state-confirmed"}` }, parcel.stage_name),
      " ",
      contents(parcel.lines, order),
      where && [" · ", link ? h("a", { href: link, rel: "noreferrer" }, where) : where],
      !parcel.is_over &&
        button("Next", `What happened to the parcel with ${contents(parcel.lines, order)}`, () =>
          askNext(this.#desk, order, parcel),
        ),
    );
  }

  #request(order, request) {
    const isOpen = request.state === "open" || request.state === "accepted";
    const instead = this.#edition.variants.find(({ variant_id: id }) => id === request.instead_variant_id);
    return h(
      "li",
      {},
      h("span", { class: "state" }, `Asked to send back, ${request.state}`),
      ` ${contents(request.lines, order)}, ${instead ? `for ${instead.title}` : "for the money"}`,
      request.words && h("q", { class: "muted" }, request.words),
      isOpen && button("Answer", `Answer about ${contents(request.lines, order)}`, () =>
        askAnswer(this.#desk, order, request)),
    );
  }

  #back(order, back) {
    return h(
      "li",
      {},
      h("span", { class: "state" }, "Came back"),
      ` ${contents(back.lines, order)}`,
      back.reason && h("q", { class: "muted" }, back.reason),
      button("Look at it", `Look at ${contents(back.lines, order)}`, () => askInspection(this.#desk, order, back)),
    );
  }

  get #desk() {
    const change = async (order, path, body, words, key) => {
      await this.#call("POST", `/v1/merchant/orders/${order.order_id}/${path}`, body, key);
      await this.#done(words);
    };
    return { change, carriers: this.#carriers };
  }

  async #done(words) {
    this.#say(words);
    await this.#load();
  }

  #askPrint() {
    const chosen = this.#chosen().map(({ value }) => value);
    const orders = chosen.length ? chosen : [...this.#rows.keys()];
    ask({
      title: "Print",
      text: chosen.length ? `${orders.length} chosen orders` : `All ${orders.length} orders shown`,
      confirm: "Make the file",
      fields: [
        field("kind", "What", {
          options: [
            ["pick-list", "Pick list: what to take off the shelves"],
            ["packing-slips", "Packing slips: one for each parcel"],
            ["labels", "Address labels"],
          ],
          wide: true,
        }),
        field("layout", "Labels", { options: LAYOUTS }),
        field("skip", "Labels used already", { type: "number", min: 0, max: 23, step: 1, value: 0 }),
      ],
      act: async ({ kind, layout, skip }) => {
        const body = { kind: kind.value, orders, layout: layout.value, skip: Number(skip.value) };
        await this.#print(body, `${kind.value}.pdf`);
      },
    });
  }
}

function button(text, label, onclick) {
  return h("button", { type: "button", class: "button small", "aria-label": label, onclick }, text);
}
