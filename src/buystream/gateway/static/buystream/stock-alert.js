// "Tell me when there are more": the form of what is sold out. It reserves nothing.
import { h } from "./dom.js";
import { EMAIL_CHARS_MAX } from "./email-address.js";
import { Fields } from "./fields.js";
import { asBuyer } from "./session.js";

const CONSENT = "Send me one e-mail when this is available again. Nothing is reserved for me.";

/** What opens the form, of a variant by its title; in its place, then, whether the shop has noted it. */
export function stockAlert({ edition_id: editionId, variant_id: variantId = "" }, title = "") {
  const place = h("div", { class: "stock-alert" });
  const text = `Tell me when there are more${title && `: ${title}`}`;
  const onclick = () => place.replaceChildren(form(place, editionId, variantId));
  const open = h("button", { type: "button", class: "quiet button", onclick }, text);
  place.replaceChildren(open);
  return place;
}

function form(place, editionId, variantId) {
  const fields = new Fields();
  const email = `alert-email-${variantId}`;
  const consent = h("input", { type: "checkbox", required: true });
  const send = h("button", { type: "submit", class: "primary button" }, "Send me an e-mail");
  const onsubmit = async (event) => {
    event.preventDefault();
    send.disabled = true;
    const body = { email: fields.value(email), consent: consent.checked, variant_id: variantId };
    try {
      await asBuyer("POST", `/v1/editions/${editionId}/stock-alerts`, { body });
      place.replaceChildren(h("p", { class: "muted", role: "status" }, "You get an e-mail when there are more."));
    } catch (problem) {
      fields.complain(email, problem.detail ?? "That didn’t work. Try again.");
      send.disabled = false;
    }
  };
  return h(
    "form",
    { class: "stock-alert-form", onsubmit },
    fields.field(email, "E-mail", { type: "email", autocomplete: "email", maxlength: EMAIL_CHARS_MAX }),
    h("label", { class: "check" }, consent, ` ${CONSENT}`),
    send,
  );
}
