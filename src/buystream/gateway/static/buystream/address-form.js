// A postal address in the form of its country: the country first, then the fields that it has, by their names there.
// What is right is the shop's to say (postal.py).
import { constant, request } from "./api.js";
import { h } from "./dom.js";
import { Fields } from "./fields.js";

const AUTOCOMPLETE = {
  company: "organization",
  street: "street-address",
  district: "address-level3",
  city: "address-level2",
  region: "address-level1",
  postal_code: "postal-code",
  sorting_code: "off",
};

const names = new Intl.DisplayNames(["en"], { type: "region" });

/** What a country is called. */
export const countryName = (code) => {
  try {
    return names.of(code);
  } catch {
    return code;
  }
};

/** The country that this browser's language names, or "". */
const ownCountry = () => {
  try {
    return new Intl.Locale(navigator.language).region ?? "";
  } catch {
    return "";
  }
};

const capital = (text) => text[0].toUpperCase() + text.slice(1);

export class AddressForm {
  #fields = new Fields();
  #places = new Fields();
  #form = { fields: [] };
  #known;
  #onCountry;
  #drawing = Promise.resolve();

  /** known: an address, or null. usual: the country of the seller. onCountry(code): it is another one now. */
  constructor({ known = null, usual = "", onCountry = () => {} }) {
    this.#known = known ?? {};
    this.#onCountry = onCountry;
    this.place = h("div", { class: "address-fields" });
    this.problem = h("p", { class: "error", role: "alert" });
    this.element = h("div", { class: "address" }, this.problem);
    this.#drawing = this.#begin(known?.country || ownCountry() || usual);
  }

  /** Its country's code, or "". */
  get country() {
    return this.#fields.value("country");
  }

  /** The address as it is typed. */
  get value() {
    const typed = Object.fromEntries(this.#form.fields.map(({ name }) => [name, this.#places.value(name)]));
    if (typed.street !== undefined) typed.street = typed.street.split("\n").map((line) => line.trim());
    return { country: this.country, ...typed };
  }

  /** Fills in what a wallet knows. */
  async fill(address) {
    await this.#drawing;
    this.#known = address;
    this.#fields.fill("country", address.country);
    await this.#draw(this.country);
  }

  /** Asks the shop, and says at each field what is wrong with it; resolves to the first one to correct, or null. */
  async check() {
    await this.#drawing;
    if (!this.country) return this.#fields.complain("country", "Choose a country.");
    const { problems } = await request("POST", "/v1/address-checks", { body: { address: this.value } });
    const controls = problems.map(({ field, message }) =>
      this.#places.input(field)
        ? this.#places.complain(field, message)
        : this.#fields.complain("country", message),
    );
    return controls[0] ?? null;
  }

  async #begin(usual) {
    try {
      const { countries } = await constant("/v1/address-forms");
      const choices = countries
        .map((code) => ({ value: code, label: countryName(code) }))
        .sort((one, other) => one.label.localeCompare(other.label, "en"));
      const country = this.#fields.select("country", "Country", choices, { autocomplete: "country" });
      this.element.prepend(country);
      this.element.append(this.place);
      this.#fields.input("country").addEventListener("change", () => this.#turn());
      this.#fields.fill("country", countries.includes(usual) ? usual : "");
      await this.#draw(this.country);
      this.#onCountry(this.country);
    } catch (problem) {
      this.#fail(problem);
    }
  }

  #turn() {
    this.#known = { ...this.#known, ...this.value, region: "" };
    this.#drawing = this.#draw(this.country).catch((problem) => this.#fail(problem));
    this.#onCountry(this.country);
  }

  async #draw(country) {
    if (!country) return;
    const form = await constant(`/v1/address-forms/${country}`);
    if (country !== this.country) return; // another was chosen meanwhile
    this.#form = form;
    this.#places = new Fields();
    this.place.replaceChildren(...form.fields.map((field) => this.#field(field)));
    this.problem.textContent = "";
  }

  #field({ name, label, required, example = "", choices = [] }) {
    const text = required ? capital(label) : `${capital(label)} (optional)`;
    const value = name === "street" ? (this.#known.street ?? []).join("\n") : this.#known[name];
    const attributes = { autocomplete: AUTOCOMPLETE[name], required };
    if (choices.length) {
      const field = this.#places.select(name, text, choices, attributes);
      this.#places.fill(name, value);
      return field;
    }
    attributes.value = value;
    if (name === "street")
      return this.#places.field(name, text, { ...attributes, rows: 2, maxlength: 400 }, null, "textarea");
    const isCode = name === "postal_code" || name === "sorting_code";
    const hint = example && { placeholder: example };
    return this.#places.field(name, text, { ...attributes, ...hint, maxlength: isCode ? 20 : 200 });
  }

  #fail(problem) {
    this.problem.textContent = problem.message;
  }
}
