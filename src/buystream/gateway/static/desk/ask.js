// One dialog for everything the desk asks before it acts: a title, a sentence, fields, and the button that does it.
import { h } from "../buystream/dom.js";
import { randomText } from "../buystream/order-id.js";

/** A labelled field of the dialog; `attributes` as in HTML, `options` makes it a select. */
export function field(name, label, { options, hint, wide, ...attributes } = {}) {
  const control = options
    ? h(
        "select",
        { id: `ask-${name}`, name, ...attributes },
        options.map(([value, text]) => h("option", { value }, text)),
      )
    : h(attributes.rows ? "textarea" : "input", { id: `ask-${name}`, name, ...attributes });
  if (attributes.rows && attributes.value) control.value = attributes.value;
  const isCheckbox = attributes.type === "checkbox";
  return h(
    "div",
    { class: `ask-field${isCheckbox ? " is-checkbox" : ""}${wide ? " is-wide" : ""}` },
    h("label", { for: `ask-${name}` }, label),
    control,
    hint && h("small", { class: "muted" }, hint),
  );
}

/**
 * Shows the dialog; `text` may have lines, and `dismiss` is the button that changes nothing. `act(values, key)` runs on
 * confirmation; when it throws, the message is shown and the dialog stays open. Returns the button that confirms. `key`
 * is an Idempotency-Key that lasts as long as the dialog, so that confirming again after a lost answer has no second
 * effect. `instead` is another thing that can be done with the same fields: its `label`, and its `act`.
 */
export function ask({ title, text, fields = [], confirm, dismiss = "Cancel", danger = false, act, instead }) {
  const key = randomText();
  const dialog = document.getElementById("ask");
  const problem = h("p", { class: "problem", role: "alert" });
  const submit = h("button", { class: `button ${danger ? "danger" : "primary"}` }, confirm);
  const other = instead && h("button", { class: "button" }, instead.label);
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", { id: "ask-heading" }, title),
    h(
      "div",
      { class: "ask-body" },
      text && h("p", { class: "ask-text muted" }, text),
      h("div", { class: "ask-fields" }, fields),
    ),
    problem,
    h(
      "div",
      { class: "ask-actions" },
      h("button", { type: "button", class: "button", onclick: () => dialog.close() }, dismiss),
      other,
      submit,
    ),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const isOther = other && event.submitter === other;
    const buttons = [submit, other].filter(Boolean);
    for (const button of buttons) button.disabled = true;
    problem.textContent = "";
    try {
      await (isOther ? instead.act : act)(form.elements, isOther ? `${key}-other` : key);
      dialog.close();
    } catch (error) {
      problem.textContent = error.message;
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  });
  dialog.replaceChildren(form);
  dialog.showModal();
  return submit;
}
