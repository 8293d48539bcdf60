// What comes back: the buyer's requests, goods and what becomes of them, exchanges.
import { ask, field } from "./ask.js";
import { contents, unitFields, unitsOf } from "./parcels-out.js";

/** The buyer asks; nothing else changes until the goods are there. */
export function askAnswer({ change }, order, request) {
  ask({
    title: "Answer the buyer",
    text: [contents(request.lines, order), request.words].filter(Boolean).join("\n"),
    confirm: "Send the answer",
    fields: [
      field("accepted", "Answer", {
        options: [
          ["yes", "Yes, send it back"],
          ["no", "No"],
        ],
      }),
      field("reply", "What the buyer reads", { maxlength: 200, wide: true, value: request.reply }),
    ],
    act: async ({ accepted, reply }) => {
      const body = { accepted: accepted.value === "yes", reply: reply.value.trim() };
      const path = `return-requests/${encodeURIComponent(request.request_id)}/answer`;
      await change(order, path, body, "The buyer sees your answer.");
    },
  });
}

/** Units that had been sent are here again, and their money goes back. */
export function askReturn({ change }, order) {
  const lines = order.fulfilment.lines.filter(({ fulfilled }) => fulfilled > 0);
  ask({
    title: "Goods came back",
    text: "What they cost is refunded.",
    confirm: "Take them back and refund",
    danger: true,
    fields: [
      ...unitFields(lines, order, ({ fulfilled }) => fulfilled, "Units"),
      field("goods", "What becomes of them", {
        options: [
          ["restock", "On sale again"],
          ["withdraw", "Not on sale again"],
          ["inspect", "Somebody looks at them first"],
        ],
        wide: true,
      }),
      field("reason", "Reason", { maxlength: 200, wide: true }),
    ],
    act: async (form, key) => {
      const body = { lines: unitsOf(lines, form), goods: form.goods.value, reason: form.reason.value.trim() };
      if (!body.lines.length) throw new Error("Say how many units came back.");
      await change(order, "returns", body, "They are taken back. The refund is in progress.", key);
    },
  });
}

export function askInspection({ change }, order, back) {
  ask({
    title: "What becomes of the goods?",
    text: [contents(back.lines, order), back.reason].filter(Boolean).join("\n"),
    confirm: "Save it",
    fields: [
      field("goods", "They", {
        options: [
          ["restock", "go on sale again"],
          ["withdraw", "stay off sale"],
        ],
        wide: true,
      }),
    ],
    act: async ({ goods }) => {
      const path = `returns/${encodeURIComponent(back.return_id)}/inspection`;
      await change(order, path, { restock: goods.value === "restock" }, "Saved.");
    },
  });
}

/** Units of another variant, at the price that was paid. */
export function askExchange({ change }, order, edition) {
  const lines = order.lines.filter(({ quantity, returned, returning }) => quantity - returned - returning > 0);
  const asked = order.fulfilment.requests.find(
    ({ state, instead_variant_id: instead }) => instead !== null && (state === "open" || state === "accepted"),
  );
  const optionsOf = (variants, first) =>
    variants
      .map(({ variant_id: id, title }) => [id, title])
      .sort(([a], [b]) => (b === first) - (a === first));
  ask({
    title: "Exchange",
    text: "At the price that was paid. The new units wait to be packed.",
    confirm: "Exchange",
    fields: [
      field("gone", "The buyer gives up", { options: optionsOf(lines, asked?.lines[0].variant_id) }),
      field("instead", "and gets", { options: optionsOf(edition.variants, asked?.instead_variant_id) }),
      field("quantity", "How many", { type: "number", min: 1, step: 1, value: asked?.lines[0].quantity ?? 1 }),
      field("restock", "Put what comes back on sale again", { type: "checkbox", checked: true }),
      field("reason", "Reason", { maxlength: 200, wide: true }),
    ],
    act: async ({ gone, instead, quantity, restock, reason }, key) => {
      const body = {
        variant_id: gone.value,
        instead_variant_id: instead.value,
        quantity: Number(quantity.value),
        restock: restock.checked,
        reason: reason.value.trim(),
      };
      await change(order, "exchanges", body, "Exchanged. The new units wait to be packed.", key);
    },
  });
}
