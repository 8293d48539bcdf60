// What a buyer asks the seller: to take something back, for the money or for another variant.
import { request } from "../buystream/api.js";
import { h } from "../buystream/dom.js";
import { randomText } from "../buystream/order-id.js";
import { named } from "../buystream/parcels.js";

const ANSWERS = {
  open: "You asked to send this back. The seller will answer.",
  accepted: "The seller agrees. Send it back.",
  declined: "The seller doesn’t agree.",
  settled: "Done.",
};

/** What became of each request, the newest first. */
export function requestLines(order) {
  const requests = order.fulfilment?.requests ?? [];
  return [...requests]
    .reverse()
    .map(({ lines, state, reply }) =>
      h("p", { class: "detail" }, `${named(lines, order)}: ${ANSWERS[state]}`, reply && h("q", {}, reply)),
    );
}

/** `act(button, method, path, body)` sends it. The request's id is made once per row: a second tap asks once. */
export function askBackButton(order, act) {
  const requestId = randomText();
  return h(
    "button",
    {
      type: "button",
      class: "button small",
      onclick: async ({ currentTarget: button }) => {
        const wish = await askedFor(order);
        if (!wish) return;
        act(button, "POST", `/v1/orders/${order.order_id}/return-requests`, { ...wish, request_id: requestId });
      },
    },
    "Send something back",
  );
}

/** Resolves to what is to come back and why; to null when the dialog is closed. */
async function askedFor(order) {
  const others = await variantsOf(order);
  const lines = order.lines.filter(({ quantity, returned, returning }) => quantity - returned - returning > 0);
  const pending = order.fulfilment.requests.filter(({ state }) => state === "open" || state === "accepted");
  const asked = new Set(pending.flatMap((one) => one.lines.map(({ variant_id: id }) => id)));
  const free = lines.filter(({ variant_id: id }) => !asked.has(id));
  const id = `back-${order.order_id}`;
  const choose = (name, label, options) =>
    h(
      "div",
      { class: "field" },
      h("label", { for: `${id}-${name}` }, label),
      h("select", { id: `${id}-${name}`, name }, options.map(([value, text]) => h("option", { value }, text))),
    );
  const what = choose("variant", "What", free.map((line) => [line.variant_id, line.title || order.title]));
  const most = Math.max(...free.map(({ quantity, returned, returning }) => quantity - returned - returning));
  const form = h(
    "form",
    { method: "dialog", class: "back" },
    h("h2", { id: `${id}-title` }, "Send something back"),
    h("p", {}, "The seller reads this and answers here. Keep it until then."),
    free.length > 1 && what,
    most > 1 &&
      h(
        "div",
        { class: "field" },
        h("label", { for: `${id}-quantity` }, "How many"),
        h("input", { id: `${id}-quantity`, name: "quantity", type: "number", min: 1, max: most, value: 1 }),
      ),
    choose("instead", "What would you like?", [
      ["", "My money back"],
      ...others.map(({ variant_id: other, title }) => [other, `Another one instead: ${title}`]),
    ]),
    h(
      "div",
      { class: "field" },
      h("label", { for: `${id}-words` }, "Why"),
      h("textarea", { id: `${id}-words`, name: "words", rows: 3, maxlength: 1000 }),
    ),
    h(
      "div",
      { class: "order-actions" },
      h("button", { class: "button primary", value: "ask" }, "Ask the seller"),
      h("button", { class: "button", value: "" }, "Keep it"),
    ),
  );
  const dialog = h("dialog", { class: "sure", "aria-labelledby": `${id}-title` }, form);
  document.body.append(dialog);
  dialog.showModal();
  await new Promise((resolve) => {
    dialog.addEventListener("close", resolve, { once: true });
  });
  dialog.remove();
  if (dialog.returnValue !== "ask") return null;
  const { variant, quantity, instead, words } = form.elements;
  const units = { variant_id: variant?.value ?? free[0].variant_id, quantity: Number(quantity?.value ?? 1) };
  return { lines: [units], instead_variant_id: instead.value || null, words: words.value.trim() };
}

/** The other variants at a price that was paid; none when the edition can't be asked now. */
async function variantsOf(order) {
  try {
    const { variants } = await request("GET", `/v1/editions/${order.edition_id}`);
    const [{ variant_id: own, price_minor: price }] = order.lines;
    return variants.filter(
      ({ variant_id: id, price_min_minor: min, price_max_minor: max, is_sold_out: isGone }) =>
        variants.length > 1 && (id !== own || order.lines.length > 1) && min <= price && price <= max && !isGone,
    );
  } catch {
    return [];
  }
}
