// How an order is delivered, and what that costs: the shop's options for a country, one of them chosen.
import { h } from "./dom.js";
import { costWords } from "./words.js";

/** What a payment says of the option. */
export const chosenWay = ({ method_id: method, amount_minor: minor }) => ({
  delivery_method: method,
  delivery_minor: minor,
});

export class DeliveryChoice {
  #load;
  #currency;
  #onChosen;
  #wanted;
  #asked = 0;
  chosen = null;

  /**
   * load(country): resolves to the shop's answer. wanted: the method that was chosen before. onChosen(option): one of
   * the options, or null while none can be had.
   */
  constructor({ load, currency, wanted = "", onChosen }) {
    this.#load = load;
    this.#currency = currency;
    this.#wanted = wanted;
    this.#onChosen = onChosen;
    this.problem = h("p", { class: "error", role: "alert" });
    this.options = h("div", { class: "delivery-options" });
    this.total = h("div", { "aria-live": "polite" });
    this.element = h(
      "fieldset",
      { class: "delivery-choice" },
      h("legend", {}, "Delivery"),
      this.options,
      this.problem,
      this.total,
    );
  }

  /** The options for that country; without one, places to collect the order. */
  async show(country) {
    this.#asked += 1;
    const asked = this.#asked;
    this.#choose(null);
    try {
      const { options, detail } = await this.#load(country);
      const usable = country && !detail;
      if (asked !== this.#asked) return;
      this.problem.textContent = detail;
      this.options.replaceChildren(...options.map((option) => this.#option(option)));
      const wanted = options.find(({ method_id: id }) => id === this.#wanted);
      const isKept = wanted && (wanted.needs_address || asked === 1); // another country means: send it there
      const usual = isKept ? wanted : usable ? options[0] : null;
      if (usual) this.options.children[options.indexOf(usual)].querySelector("input").checked = true;
      this.#choose(usual);
    } catch (problem) {
      if (asked === this.#asked) this.problem.textContent = problem.message;
    }
  }

  #option(option) {
    const input = h("input", {
      type: "radio",
      name: "delivery",
      value: option.method_id,
      onchange: () => {
        this.#wanted = option.method_id;
        this.#choose(option);
      },
    });
    const where = [option.place, option.hours].filter(Boolean).join(", ");
    return h(
      "label",
      { class: "choice delivery-option" },
      input,
      h("span", {}, option.title, where && h("small", {}, ` ${where}`)),
      h("span", { class: "delivery-price" }, costWords(option.amount_minor, this.#currency)),
    );
  }

  #choose(option) {
    this.chosen = option;
    this.total.replaceChildren(
      ...(option
        ? [
            h(
              "p",
              { class: "summary" },
              h("span", {}, "Total with delivery"),
              h("strong", {}, costWords(option.total_minor, this.#currency)),
            ),
          ]
        : []),
    );
    this.#onChosen(option);
  }
}
