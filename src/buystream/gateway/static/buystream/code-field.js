// "Have a code?": a field in the sheet, before anything is paid. A link or the page around the button may fill it.
import { h } from "./dom.js";
import { Fields } from "./fields.js";
import { REFUSALS } from "./refusals.js";

const CODE_CHARS_MAX = 60;

/**
 * `use(code)` uses it for the order, and throws `Problem`. A `given` code is used at once; when it gives nothing, the
 * field says so, and the order stays as it is.
 */
export function codeField({ given, use }) {
  const place = h("div", { class: "code" });
  const open = h("button", { type: "button", class: "quiet" }, "Have a code?");
  open.addEventListener("click", () => show(place, use).input("code").focus());
  place.replaceChildren(open);
  if (given) show(place, use).send(given);
  return place;
}

function show(place, use) {
  const fields = new Fields();
  const button = h("button", { type: "submit", class: "primary" }, "Use it");
  const send = async (code) => {
    fields.input("code").value = code;
    button.disabled = true;
    try {
      await use(code);
    } catch (problem) {
      const [heading, text] = REFUSALS[problem.reason] ?? ["That didn’t work", problem.message];
      fields.complain("code", `${heading}. ${text}`);
    }
    button.disabled = false;
  };
  const onsubmit = (event) => {
    event.preventDefault();
    const code = fields.value("code");
    if (code) send(code);
    else fields.complain("code", "Enter the code.")?.focus();
  };
  const attributes = {
    autocomplete: "off",
    autocapitalize: "characters",
    spellcheck: "false",
    maxlength: CODE_CHARS_MAX,
  };
  const form = h(
    "form",
    { class: "code-form", novalidate: true, onsubmit },
    fields.field("code", "Code", attributes),
    button,
  );
  place.replaceChildren(form);
  return { input: (name) => fields.input(name), send };
}
