// My orders: the buyer's orders, newest first, their recurring gifts, and the erasure of their data.
import { download } from "./buystream/api.js";
import { sure } from "./buystream/confirm.js";
import { h } from "./buystream/dom.js";
import { watchOrder } from "./buystream/hub.js";
import { HOLDING } from "./buystream/order-states.js";
import { mayGoOn } from "./buystream/parcels.js";
import { REFUSALS } from "./buystream/refusals.js";
import { asBuyer, endSession, sessionToken } from "./buystream/session.js";
import { drawGifts } from "./orders/gifts.js";
import { row } from "./orders/row.js";
import { drawTickets } from "./orders/tickets.js";

const list = document.getElementById("orders");
const status = document.getElementById("orders-status");
const privacy = document.getElementById("privacy");
const erase = document.getElementById("erase");
const AGAIN_MS = 5_000;
const SIGNED_OUT = "You’ve been signed out, so your orders aren’t shown here any more.";
const FOLLOWED_MAX = 20;
const followed = []; // the ways to stop
let mayChange = false;

function say(message) {
  status.textContent = message;
  status.hidden = !message;
}

async function load() {
  try {
    const [{ orders }, me, gifts, { tickets }] = await Promise.all([
      asBuyer("GET", "/v1/orders"),
      asBuyer("GET", "/v1/me"),
      asBuyer("GET", "/v1/gifts"),
      asBuyer("GET", "/v1/tickets"),
    ]);
    list.replaceChildren(...orders.map((order) => row(order, act)));
    follow(orders.filter(mayGoOn));
    drawGifts(document.getElementById("gifts"), gifts.gifts, act);
    drawTickets(document.getElementById("tickets"), tickets);
    say(orders.length || tickets.length ? "" : "Nothing yet. What you buy appears here.");
    mayChange = orders.some((order) => HOLDING.has(order.state) || order.refunding_minor > 0);
    privacy.hidden = !(me.registered || orders.length || tickets.length);
  } catch (problem) {
    say(problem.isSignedOut ? SIGNED_OUT : `Your orders could not be loaded. ${problem.message}`);
    const again = { type: "button", class: "button small", onclick: startAgain };
    if (problem.isSignedOut) status.append(" ", h("button", again, "Continue as a new buyer"));
  }
}

/** Parcels go on for days: what happens to them comes by the page's stream. */
function follow(orders) {
  for (const stop of followed.splice(0)) stop();
  for (const { order_id: id, version } of orders.slice(0, FOLLOWED_MAX)) {
    let drawn = version;
    const draw = (order) => {
      const old = list.querySelector(`[data-id="${id}"]`);
      if (order.version <= drawn || !old || old.contains(document.activeElement)) return;
      drawn = order.version;
      old.replaceWith(row(order, act));
    };
    followed.push(watchOrder(id, draw));
  }
}

/** The shop has ended this session; only the person decides to begin another. */
function startAgain() {
  endSession();
  load();
}

/** Takes back what `complain` said beside the button. */
function hush(button) {
  if (button.nextElementSibling?.matches(".problem")) button.nextElementSibling.remove();
}

/** Says beside a button why it did nothing, once. */
function complain(button, { reason, message }) {
  hush(button);
  button.after(h("span", { class: "problem", role: "alert" }, ` ${REFUSALS[reason]?.[1] ?? message}`));
}

/** Does what a row's button says, and shows the result. */
async function act(button, method, path, body) {
  button.disabled = true;
  try {
    await asBuyer(method, path, { body });
    await load();
  } catch (problem) {
    button.disabled = false;
    complain(button, problem);
  }
}

document.getElementById("download").addEventListener("click", async ({ currentTarget: button }) => {
  hush(button);
  try {
    await download("/v1/me/data", await sessionToken(), "my-data.json");
  } catch (problem) {
    complain(button, problem);
  }
});

erase.addEventListener("click", async () => {
  const question =
    "Erase your name, e-mail, address and saved card for good? " +
    "Your orders and receipts disappear from here too. This can’t be undone.";
  if (!(await sure(question, "Erase"))) return;
  erase.disabled = true;
  hush(erase);
  try {
    await asBuyer("DELETE", "/v1/me");
    endSession();
    erase.textContent = "Erased";
  } catch (problem) {
    erase.disabled = false;
    complain(erase, problem);
  }
});

status.textContent = "Loading…";
addEventListener("pageshow", load);

// While an order may still change, the page reloads, but never while somebody is using the list.
setInterval(() => {
  if (mayChange && !document.hidden && !list.contains(document.activeElement)) load();
}, AGAIN_MS);
