// Where the parcels of an order are: for the page of orders and the sheet.
import { h } from "./dom.js";

/** What the order's parcels are, as a list; null where it has none. */
export function parcelList(order) {
  const { parcels = [], lines = [], progress } = order.fulfilment ?? {};
  if (!parcels.length) return null;
  const left = lines.filter(({ current, fulfilled }) => current > fulfilled);
  return h(
    "ul",
    { class: "parcels" },
    ...parcels.map((parcel) => h("li", {}, ...parcelWords(parcel, order, parcels.length > 1))),
    progress === "partial" && left.length > 0 && h("li", {}, `Still to come: ${named(left.map(toCome), order)}`),
  );
}

/** `2 × Large, 1 × Small`. */
export function named(units, order) {
  const titleOf = (id) => order.lines.find(({ variant_id: variant }) => variant === id)?.title || order.title;
  return units.map(({ variant_id: id, quantity }) => `${quantity} × ${titleOf(id)}`).join(", ");
}

const toCome = ({ variant_id, current, fulfilled }) => ({ variant_id, quantity: current - fulfilled });

/** Each stage once, the newest first, with its day. */
function parcelWords({ stage_name: stage, lines, carrier, tracking, tracking_url: link, events }, order, isOneOfMany) {
  const when = new Date(events.at(-1).at_ms);
  const where = [carrier, tracking].filter(Boolean).join(" ");
  return [
    h("strong", {}, stage),
    " ",
    h("time", { datetime: when.toISOString() }, when.toLocaleDateString(undefined, { dateStyle: "medium" })),
    isOneOfMany && `: ${named(lines, order)}`,
    where && [" · ", link ? h("a", { href: link, target: "_blank", rel: "noreferrer" }, where) : where],
  ]
    .flat()
    .filter(Boolean);
}

/** Whether something may still happen that its buyer waits for. */
export const mayGoOn = ({ fulfilment }) =>
  fulfilment != null &&
  (fulfilment.progress !== "all" ||
    fulfilment.parcels.some(({ is_over: isOver }) => !isOver) ||
    fulfilment.requests.some(({ state }) => state === "open" || state === "accepted"));
