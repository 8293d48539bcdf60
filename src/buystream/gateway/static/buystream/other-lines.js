// More of an edition's variants beside the one that the button is about: a row for each, with how many. They are
// ordered together.
import { h } from "./dom.js";
import { limitOf } from "./quantity.js";
import { boardOf } from "./variants.js";
import { priceWords } from "./words.js";

const LINES_MAX = 20;

export class OtherLines {
  #edition = null;
  #chosen = null;
  #rows = []; // {variant, quantity}, in the order in which they were added
  #mineOf;
  #changed;

  /** mineOf(variant): what the buyer has of it; changed(): rows were added, changed or removed. */
  constructor({ mineOf, changed }) {
    this.#mineOf = mineOf;
    this.#changed = changed;
    this.list = h("div", { class: "lines" });
    this.add = h("button", { type: "button", class: "quiet", part: "add-line", onclick: () => this.#add() });
    this.add.textContent = "Add another";
    this.element = h("div", { class: "other-lines", part: "lines", hidden: true }, this.list, this.add);
  }

  /** The rows as a tap orders them; none while they aren't shown. */
  get wanted() {
    return this.element.hidden ? [] : this.#rows.map(({ variant, quantity }) => ({ variant, quantity }));
  }

  /** Units and money of the rows. */
  get sum() {
    return this.wanted.reduce(
      ({ quantity, totalMinor }, row) => ({
        quantity: quantity + row.quantity,
        totalMinor: totalMinor + row.quantity * this.#board(row.variant).price_minor,
      }),
      { quantity: 0, totalMinor: 0 },
    );
  }

  /** Rows that a link chose; what is too many or gone is corrected when they are shown. */
  take(rows) {
    this.#rows = rows.slice(0, LINES_MAX - 1);
  }

  clear() {
    this.#rows = [];
    this.#draw();
  }

  /** The edition's newest board, and the variant that the button is about. What is gone leaves its row. */
  show(edition, chosen, isOffered) {
    this.#edition = edition;
    this.#chosen = chosen;
    this.element.hidden = !isOffered || edition.variants.some(({ price_minor: price }) => price == null);
    const had = this.#rows.length;
    this.#rows = this.#rows.filter(({ variant }) => variant !== chosen && this.#board(variant).can_order);
    for (const row of this.#rows) row.quantity = Math.min(row.quantity, this.#limit(row.variant));
    this.#draw();
    if (had !== this.#rows.length) this.#changed();
  }

  #board(variant) {
    return boardOf(this.#edition, variant);
  }

  #limit(variant) {
    return limitOf(this.#board(variant), this.#mineOf(variant));
  }

  /** The variants that a new row could be about. */
  get #left() {
    const taken = new Set([this.#chosen, ...this.#rows.map(({ variant }) => variant)]);
    return this.#edition.variants.filter(({ variant_id: id }) => !taken.has(id) && this.#board(id).can_order);
  }

  #add() {
    const [{ variant_id: variant }] = this.#left;
    this.#rows.push({ variant, quantity: 1 });
    this.#draw();
    this.list.lastElementChild.querySelector("select").focus();
    this.#changed();
  }

  #step(row, by) {
    row.quantity = Math.min(row.quantity + by, this.#limit(row.variant));
    if (row.quantity < 1) this.#rows = this.#rows.filter((other) => other !== row);
    this.#draw();
    this.#changed();
  }

  #draw() {
    if (!this.#edition) return;
    const key = JSON.stringify([this.#rows, this.#left, this.#rows.map(({ variant }) => this.#board(variant))]);
    this.add.hidden = !this.#left.length || this.#rows.length + 1 >= LINES_MAX;
    if (this.list.dataset.key === key) return;
    this.list.dataset.key = key;
    this.list.replaceChildren(...this.#rows.map((row) => this.#row(row)));
  }

  #row(row) {
    const { title } = this.#variant(row.variant);
    const offered = [this.#variant(row.variant), ...this.#left];
    const choice = h(
      "select",
      { class: "variant", "aria-label": "Choose another" },
      ...offered.map(({ variant_id: value, title: name, ...price }) =>
        h("option", { value }, `${name} · ${priceWords({ ...price, currency: this.#edition.currency })}`),
      ),
    );
    choice.value = row.variant;
    choice.addEventListener("change", () => {
      Object.assign(row, { variant: choice.value, quantity: 1 });
      this.#draw();
      this.#changed();
    });
    const step = (by, label, sign) =>
      h("button", { type: "button", class: "step", "aria-label": label, onclick: () => this.#step(row, by) }, sign);
    const more = step(1, `One more of ${title}`, "+");
    more.disabled = row.quantity >= this.#limit(row.variant);
    return h(
      "div",
      { class: "line" },
      choice,
      h(
        "div",
        { class: "stepper", role: "group", "aria-label": `Quantity of ${title}` },
        step(-1, row.quantity > 1 ? `One fewer of ${title}` : `Remove ${title}`, row.quantity > 1 ? "−" : "×"),
        h("output", { class: "count" }, String(row.quantity)),
        more,
      ),
    );
  }

  #variant(id) {
    return this.#edition.variants.find(({ variant_id: own }) => own === id);
  }
}
