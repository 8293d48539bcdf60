// Packing units in a parcel, and what happens to it on its way.
import { h } from "../buystream/dom.js";
import { ask, field } from "./ask.js";

/** `2 × Large, 1 × Small`. */
export function contents(units, order) {
  const titleOf = (id) => order.lines.find(({ variant_id: variant }) => variant === id)?.title || order.title;
  return units.map(({ variant_id: id, quantity }) => `${quantity} × ${titleOf(id)}`).join(", ");
}

/** A number for each line; `most(line)` says of how many. */
export function unitFields(lines, order, most, label) {
  return lines.map((line, n) => {
    const max = most(line);
    const name = contents([{ variant_id: line.variant_id, quantity: 1 }], order).slice(4);
    return field(`units-${n}`, `${label}: ${name}`, { type: "number", min: 0, max, step: 1, value: max });
  });
}

/** What those fields say, as the API takes it. */
export function unitsOf(lines, form) {
  return lines
    .map(({ variant_id }, n) => ({ variant_id, quantity: Number(form[`units-${n}`].value) }))
    .filter(({ quantity }) => quantity > 0);
}

const STAGES = [
  ["shipped", "Handed to the carrier"],
  ["processing", "Packed, waits for the carrier"],
  ["ready_for_pickup", "Ready to be collected by the buyer"],
  ["collected", "Given to the buyer, without a carrier"],
];

function carrierFields(carriers, { carrier = "", tracking = "" } = {}) {
  const list = h("datalist", { id: "carriers" }, carriers.map((name) => h("option", { value: name })));
  const named = field("carrier", "Carrier", { maxlength: 80, list: "carriers", value: carrier, autocomplete: "off" });
  named.append(list);
  return [named, field("tracking", "Tracking number", { maxlength: 300, value: tracking, autocomplete: "off" })];
}

/** Units that are in no parcel go into one. */
export function askPack({ change, carriers }, order) {
  const packed = new Map();
  for (const { lines, stage } of order.fulfilment.parcels)
    if (stage !== "lost" && stage !== "returned_to_sender")
      for (const { variant_id: id, quantity } of lines) packed.set(id, (packed.get(id) ?? 0) + quantity);
  const left = ({ variant_id: id, current }) => Math.max(current - (packed.get(id) ?? 0), 0);
  const lines = order.fulfilment.lines.filter((line) => left(line) > 0);
  ask({
    title: "Pack a parcel",
    text: [order.buyer?.name, ...(order.buyer?.address_lines ?? [order.buyer?.address])].filter(Boolean).join("\n"),
    confirm: "Save the parcel",
    fields: [
      ...unitFields(lines, order, left, "Units"),
      field("stage", "What happens to it", { options: STAGES, wide: true }),
      ...carrierFields(carriers),
    ],
    act: async (form, key) => {
      const { stage, carrier, tracking } = form;
      const body = { lines: unitsOf(lines, form), stage: stage.value };
      if (!body.lines.length) throw new Error("Put at least one unit into the parcel.");
      if (carrier.value.trim()) body.carrier = carrier.value.trim();
      if (tracking.value.trim()) body.tracking = tracking.value.trim();
      await change(order, "shipments", body, "The parcel is saved.", key);
    },
  });
}

const HAPPENED = [
  ["shipped", "Handed to the carrier"],
  ["in_transit", "In transit"],
  ["out_for_delivery", "Out for delivery"],
  ["failed_attempt", "Nobody was there"],
  ["delivered", "Delivered"],
  ["ready_for_pickup", "Ready to be collected"],
  ["collected", "Collected by the buyer"],
  ["returned_to_sender", "Came back to us, undelivered"],
  ["lost", "Lost"],
];

/** What is likely next stands first. */
const LIKELY = { processing: "shipped", ready_for_pickup: "collected", shipped: "delivered" };

export function askNext({ change, carriers }, order, parcel) {
  const next = LIKELY[parcel.stage] ?? "delivered";
  const options = [...HAPPENED].sort(([a], [b]) => (b === next) - (a === next));
  ask({
    title: "What happened to the parcel?",
    text: `${contents(parcel.lines, order)}. So far: ${parcel.events.map(({ name }) => name).join(", ")}.`,
    confirm: "Save it",
    fields: [
      field("stage", "What happened", { options: options.filter(([stage]) => stage !== parcel.stage), wide: true }),
      ...carrierFields(carriers, { carrier: parcel.carrier, tracking: parcel.tracking ?? "" }),
    ],
    act: async ({ stage, carrier, tracking }, key) => {
      const body = { stage: stage.value, carrier: carrier.value.trim(), tracking: tracking.value.trim() };
      if (body.tracking === (parcel.tracking ?? "")) body.tracking = "";
      await change(order, `shipments/${encodeURIComponent(parcel.shipment_id)}/events`, body, "Saved.", key);
    },
  });
}
