// Labelled fields that say what is wrong where it is wrong.
import { h } from "./dom.js";

export class Fields {
  #fields = {};

  /** A field and its label; `format(text)` tidies what is typed at the end of the text. */
  field(name, label, attributes, format = null, tag = "input") {
    const hint = `${name}-error`;
    const input = h(tag, {
      id: name,
      name,
      "aria-describedby": hint,
      required: true,
      ...(tag === "textarea" && { rows: 3 }),
      ...attributes,
    });
    if (tag === "textarea") input.value = attributes.value ?? "";
    const error = h("span", { id: hint, class: "error", role: "alert" });
    input.addEventListener("input", () => {
      if (format && input.selectionStart === input.value.length) input.value = format(input.value);
      this.complain(name, "");
    });
    this.#fields[name] = { input, error };
    return h("div", { class: "field" }, h("label", { for: name }, label), input, error);
  }

  /** A list to choose from, with nothing chosen at first. `choices`: {value, label} of each. */
  select(name, label, choices, attributes = {}) {
    const empty = h("option", { value: "" }, "Choose…");
    const options = choices.map(({ value, label: text }) => h("option", { value }, text));
    const hint = `${name}-error`;
    const select = h(
      "select",
      { id: name, name, "aria-describedby": hint, required: true, ...attributes },
      empty,
      ...options,
    );
    const error = h("span", { id: hint, class: "error", role: "alert" });
    select.addEventListener("change", () => this.complain(name, ""));
    this.#fields[name] = { input: select, error };
    return h("div", { class: "field" }, h("label", { for: name }, label), select, error);
  }

  input(name) {
    return this.#fields[name]?.input;
  }

  value(name) {
    return this.input(name)?.value.trim() ?? "";
  }

  /** What is known now; an empty `value` changes nothing. */
  fill(name, value) {
    if (!value || !this.input(name)) return;
    this.input(name).value = value;
    this.complain(name, "");
  }

  /** Says `message` at the field, or nothing with ""; the control to correct, or null. */
  complain(name, message) {
    const { input, error } = this.#fields[name];
    error.textContent = message;
    if (message) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
    return message ? input : null;
  }
}
