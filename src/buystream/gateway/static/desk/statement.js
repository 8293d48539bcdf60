// What a month adds up to, per currency, its files for spreadsheets, and the legal details that stand on receipts.
import { h } from "../buystream/dom.js";
import { money } from "../buystream/money.js";
import { ask, field } from "./ask.js";

const COLUMNS = [["sales_minor", 1], ["refunds_minor", -1], ["disputes_minor", -1], ["fees_minor", -1], ["fees_returned_minor", 1], ["net_minor", 1]];
const DETAILS = [
  ["legal_name", "Legal name", { required: true, maxlength: 200 }], ["email", "E-mail", { type: "email", maxlength: 254 }],
  ["address", "Address", { rows: 3, required: true, maxlength: 1000, wide: true }],
  ["tax_id", "Tax number", { maxlength: 80 }], ["charity_id", "Charity number", { maxlength: 80 }],
];
const REFRESH_MS_MIN = 5_000;
const element = (id) => document.getElementById(id);

export class Statement {
  #call;
  #download;
  #say;
  #seen = "";
  #loadedAt = 0;

  /** call(method, path, body): as JSON. download(path, name): as a file. */
  constructor({ call, download, say }) {
    this.#call = call;
    this.#download = download;
    this.#say = say;
    element("month").addEventListener("change", () => this.load());
    element("statement-file").addEventListener("click", () => this.#file("statement.csv", `month=${this.#month}`, `statement-${this.#month}`));
    element("receipts-file").addEventListener("click", () => this.#file("receipts.csv", `year=${this.#year}`, `receipts-${this.#year}`));
    element("details").addEventListener("click", () => this.#details());
  }

  get #month() {
    return element("month").value;
  }

  get #year() {
    return this.#month.slice(0, 4);
  }

  /** Anew when money has moved, but not with every sale of a rush. */
  refreshIfChanged(totals) {
    const key = JSON.stringify([totals.confirmed, totals.revenue_minor]);
    if (key === this.#seen || Date.now() - this.#loadedAt < REFRESH_MS_MIN) return;
    this.#seen = key;
    this.load();
  }

  async load() {
    this.#loadedAt = Date.now();
    element("month").value ||= new Date().toISOString().slice(0, 7); // the statement's months are UTC's
    element("receipts-file").textContent = `Receipts of ${this.#year}`;
    const month = this.#month;
    try {
      const { totals } = await this.#call("GET", `/v1/merchant/statement?month=${month}`);
      if (month !== this.#month) return; // another one was chosen meanwhile
      element("totals").replaceChildren(...totals.map((total) => h("tr", {}, h("th", { scope: "row" }, total.currency),
        ...COLUMNS.map(([name, sign]) => h("td", { class: name === "net_minor" ? "number is-net" : "number", "data-label": element(`head-${name}`).textContent }, money((total[name] * sign) || 0, total.currency))))));
      element("totals-empty").hidden = totals.length > 0;
    } catch (problem) {
      this.#say(`The statement could not be loaded. ${problem.message}`);
    }
  }

  async #file(path, query, name) {
    try {
      await this.#download(`/v1/merchant/${path}?${query}`, `${name}.csv`);
    } catch (problem) {
      this.#say(`The file could not be loaded. ${problem.message}`);
    }
  }

  async #details() {
    const known = await this.#call("GET", "/v1/merchant/details").catch((problem) => this.#say(problem.message));
    if (!known) return;
    ask({
      title: "Legal details", text: "They stand on the receipts of what is paid from now on.", confirm: "Save",
      fields: DETAILS.map(([name, label, attributes]) => field(name, label, { ...attributes, value: known[name] })),
      act: async (form) => {
        await this.#call("PUT", "/v1/merchant/details", Object.fromEntries(DETAILS.map(([name]) => [name, form[name].value.trim()])));
        this.#say("Saved.");
      },
    });
  }
}
