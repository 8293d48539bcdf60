// Where a paid order goes instead, until it is packed.
import { AddressForm } from "../buystream/address-form.js";
import { h } from "../buystream/dom.js";

/** Asks for the address; `send(address)` resolves when the shop has accepted it. */
export function askAddress(send) {
  const form = new AddressForm({});
  const problem = h("p", { class: "problem", role: "alert" });
  const save = h("button", { class: "button primary" }, "Save the address");
  const dialog = h(
    "dialog",
    { class: "sure new-address", "aria-label": "Change the address", onclose: () => dialog.remove() },
    h(
      "form",
      {
        novalidate: true,
        onsubmit: async (event) => {
          event.preventDefault();
          save.disabled = true;
          problem.textContent = "";
          try {
            const wrong = await form.check();
            if (wrong) wrong.focus();
            else {
              await send(form.value);
              dialog.close();
            }
          } catch (error) {
            problem.textContent = error.message;
          } finally {
            save.disabled = false;
          }
        },
      },
      h("p", {}, "Where should this order go? You can change this until it is packed, if delivery costs the same."),
      form.element,
      problem,
      h(
        "div",
        { class: "order-actions" },
        save,
        h("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Cancel"),
      ),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
}
