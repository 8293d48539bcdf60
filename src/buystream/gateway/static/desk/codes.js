// The codes of an edition: what each gives, how often it is used, and the dialogs that make and disable one.
import { h } from "../buystream/dom.js";
import { money, parseMoney } from "../buystream/money.js";
import { ask, field } from "./ask.js";
import { offerEditions } from "./edition-choice.js";
import { day, momentField, momentOf } from "./moments.js";

const element = (id) => document.getElementById(id);

const CODE = "[0-9A-Za-z][0-9A-Za-z\\-]*[0-9A-Za-z]";

export class Codes {
  #call;
  #say;
  #download;
  #editions = [];

  constructor({ call, say, download }) {
    this.#call = call;
    this.#say = say;
    this.#download = download;
    element("codes-edition").addEventListener("change", () => this.#load());
    element("code-add").addEventListener("click", () => this.#add());
  }

  clear() {
    delete element("codes-edition").dataset.ids;
    element("codes-panel").hidden = true;
  }

  /** The dashboard has come. Gifts have no prices that a code could lower. */
  refresh(editions) {
    this.#editions = editions.filter(({ kind, campaign }) => kind !== "gift" && !campaign);
    element("codes-panel").hidden = !this.#editions.length;
    if (this.#editions.length && offerEditions(element("codes-edition"), this.#editions)) this.#load();
  }

  get #edition() {
    return this.#editions.find(({ edition_id: id }) => id === element("codes-edition").value);
  }

  get #path() {
    return `/v1/merchant/editions/${element("codes-edition").value}/codes`;
  }

  async #load() {
    try {
      const { codes } = await this.#call("GET", this.#path);
      element("codes").replaceChildren(...codes.map((code) => this.#row(code)));
      element("codes-empty").hidden = codes.length > 0;
    } catch (problem) {
      this.#say(`The codes could not be loaded. ${problem.message}`);
    }
  }

  #row(code) {
    const { currency } = this.#edition;
    const name = code.code ?? `${code.count.toLocaleString()} single-use codes`;
    const used = `${code.paid.toLocaleString()} paid, ${code.held.toLocaleString()} on hold`;
    const button = (text, onclick, className = "") =>
      h(
        "button",
        { type: "button", class: `button small ${className}`, "aria-label": `${text} ${name}`, onclick },
        text,
      );
    return h(
      "tr",
      { "data-id": code.code_id },
      h("td", { "data-label": "Code" }, name, h("span", { class: "muted" }, code.terms.label)),
      h("td", { "data-label": "Gives" }, givesWords(code.terms, currency), h("span", { class: "muted" }, limits(code))),
      h("td", { "data-label": "Used" }, used, h("span", { class: "muted" }, money(code.discount_minor, currency))),
      h(
        "td",
        { class: "actions" },
        code.count && button("Download", () => this.#save(code)),
        button(code.disabled ? "Enable" : "Disable", () => this.#turn(code), code.disabled ? "" : "danger"),
      ),
    );
  }

  async #save({ code_id: id }) {
    try {
      await this.#download(`${this.#path}/${id}/codes.csv`, `codes-${id}.csv`);
    } catch (problem) {
      this.#say(problem.message);
    }
  }

  async #turn({ code_id: id, disabled }) {
    try {
      await this.#call("PUT", `${this.#path}/${id}`, { disabled: !disabled });
      await this.#load();
    } catch (problem) {
      this.#say(problem.message);
    }
  }

  #add() {
    const { title, currency, variants } = this.#edition;
    const which = variants.length > 1 && [
      field("variant", "For", {
        options: [["", "All of it"], ...variants.map((one) => [one.variant_id, one.title])],
      }),
    ];
    ask({
      title: `A code for ${title}`,
      text:
        "A code that you choose, or single-use codes to hand out. " +
        "A paid order’s code stays used, even if it is refunded.",
      confirm: "Create",
      fields: [
        field("label", "What buyers see", { required: true, maxlength: 60, placeholder: "Early friends" }),
        field("code", "Code", { maxlength: 40, minlength: 3, pattern: CODE, hint: "Leave empty for single-use codes" }),
        field("count", "How many single-use codes", { type: "number", min: 1, max: 10_000, step: 1 }),
        field("prefix", "They begin with", { maxlength: 20, pattern: "[0-9A-Za-z]*" }),
        field("off", "Off", { required: true, placeholder: "20% or 5.00", hint: `A share, or ${currency}` }),
        field("per", "The amount is off", { options: [["unit", "each unit"], ["order", "the order"]] }),
        ...(which || []),
        field("minimum", "If they cost at least", { inputmode: "decimal" }),
        field("uses", "Orders in all", { type: "number", min: 1, max: 1_000_000, step: 1, hint: "Empty: any number" }),
        field("each", "Orders of one buyer", { type: "number", min: 1, max: 1_000_000, step: 1 }),
        momentField("from", "Valid from", { call: this.#call }),
        momentField("until", "Valid until", { call: this.#call }),
      ],
      act: async (form, key) => {
        const wish = await wishOf(form, currency);
        await this.#call("POST", this.#path, wish, key);
        this.#say(wish.code ? `${wish.code} can be used.` : "The codes can be downloaded.");
        await this.#load();
      },
    });
  }
}

const number = (control) => (control.value ? Number(control.value) : null);

async function wishOf(form, currency) {
  const [code, count] = [form.code.value.trim() || null, number(form.count)];
  if (!code === !count) throw new Error("Enter either a code or how many single-use codes.");
  return {
    label: form.label.value.trim(),
    code,
    count,
    prefix: count ? form.prefix.value.trim() : "",
    ...off(form.off.value.trim(), currency),
    per: form.per.value,
    variants: form.variant?.value ? [form.variant.value] : [],
    minimum_minor: form.minimum.value ? amount(form.minimum.value, currency) : 0,
    uses_max: count ? null : number(form.uses),
    uses_per_buyer_max: number(form.each),
    valid_from_ms: await momentOf(form.from),
    valid_until_ms: await momentOf(form.until),
  };
}

/** `20%` or an amount. */
function off(text, currency) {
  const [, percent] = /^([\d.,]+)\s*%$/.exec(text) ?? [];
  if (percent === undefined) return { amount_minor: amount(text, currency) };
  const share = Number(percent.replace(",", "."));
  if (!(share > 0 && share <= 100)) throw new Error(`“${text}” isn’t a share.`);
  return { share_bps: Math.round(share * 100) };
}

function amount(text, currency) {
  const minor = parseMoney(text, currency);
  if (minor === null) throw new Error(`“${text}” isn’t an amount of ${currency}.`);
  return minor;
}

function givesWords({ share_bps: share, amount_minor: minor, per, opens }, currency) {
  const each = per === "unit" ? "each" : "the order";
  const less = share ? `${share / 100}% off` : minor ? `${money(minor, currency)} off ${each}` : "";
  return [less, opens.length && `opens ${opens.join(", ")}`].filter(Boolean).join(", ");
}

function limits({ terms, count, disabled }) {
  const { uses_max: uses, uses_per_buyer_max: each, valid_from_ms: from, valid_until_ms: until, variants } = terms;
  return [
    disabled && "disabled",
    variants.length && `for ${variants.join(", ")}`,
    !count && uses && `${uses.toLocaleString()} orders`,
    each && `${each.toLocaleString()} a buyer`,
    from && `from ${day(from)}`,
    until && `until ${day(until)}`,
  ]
    .filter(Boolean)
    .join(", ");
}
