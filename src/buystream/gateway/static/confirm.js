// One payment with saved details, confirmed in a window of the shop's own: for browsers that can't report whether a
// frame's button was seen. The session comes from the frame that opened the window, and stays in this window.
import { request } from "./buystream/api.js";
import { DeliveryChoice, chosenWay } from "./buystream/delivery-choice.js";
import { h } from "./buystream/dom.js";
import { money } from "./buystream/money.js";

const place = document.getElementById("confirm");
const status = document.getElementById("confirm-status");

addEventListener("message", ({ source, origin, data }) => {
  if (source !== opener || origin !== location.origin || data?.buystream !== "order") return;
  show(data).catch((problem) => {
    status.textContent = problem.message;
  });
});
status.textContent = "Loading your order…";
opener?.postMessage({ buystream: "confirm" }, location.origin);
if (!opener) status.textContent = "This window confirms an order. Return to the page where you bought.";

async function show({ orderId, token }) {
  const path = `/v1/orders/${encodeURIComponent(orderId)}`;
  const [order, me] = await Promise.all([request("GET", path, { token }), request("GET", "/v1/me", { token })]);
  const words = (minor) => `Pay ${money(minor, order.currency)} with ${me.card_label ?? "your saved card"}`;
  const attempt = Number(order.payment?.payment_id.split(".").pop() ?? 0) + 1;
  const pay = h(
    "button",
    {
      type: "button",
      class: "button primary",
      onclick: async () => {
        pay.disabled = true;
        try {
          const way = choice.chosen && chosenWay(choice.chosen);
          await request("POST", `${path}/payment`, { body: { one_tap: true, ...way, attempt }, token });
          close();
        } catch (problem) {
          pay.disabled = false;
          status.textContent = problem.message;
        }
      },
    },
    words(order.total_minor),
  );
  const country = me.delivery?.address?.country ?? "";
  const choice = new DeliveryChoice({
    load: (to) => request("GET", `${path}/delivery-options?country=${to}`, { token }),
    currency: order.currency,
    onChosen: (option) => {
      pay.disabled = !option;
      if (option) pay.textContent = words(option.total_minor);
    },
  });
  const { has_prices: hasPrices } = await request("GET", `${path}/delivery-options?country=${country}`, { token });
  if (hasPrices) await choice.show(country);
  status.textContent = "";
  place.replaceChildren(
    h("p", {}, h("strong", {}, order.title), ` · ${order.quantity} × ${money(order.price_minor, order.currency)}`),
    ...(me.delivery
      ? [
          h(
            "p",
            { class: "lines" },
            [me.delivery.name, me.delivery.email, ...me.delivery.address_lines].filter(Boolean).join("\n"),
          ),
        ]
      : []),
    ...(hasPrices ? [choice.element] : []),
    pay,
    h("button", { type: "button", class: "button", onclick: () => close() }, "Cancel"),
  );
}
