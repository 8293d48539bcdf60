// My orders: the buyer's own, newest first, what gives again by itself, and the way to be forgotten.
import { asBuyer, endSession } from "./buystream/api.js";
import { h } from "./buystream/dom.js";
import { drawGifts } from "./orders/gifts.js";
import { row } from "./orders/row.js";

const list = document.getElementById("orders");
const status = document.getElementById("orders-status");
const privacy = document.getElementById("privacy");
const erase = document.getElementById("erase");
const AGAIN_MS = 5_000;
let isMoving = false;

function say(message) {
  status.textContent = message;
  status.hidden = !message;
}

async function load() {
  try {
    const [{ orders }, me, gifts] = await Promise.all([asBuyer("GET", "/v1/orders"), asBuyer("GET", "/v1/me"), asBuyer("GET", "/v1/gifts")]);
    list.replaceChildren(...orders.map((order) => row(order, act)));
    drawGifts(document.getElementById("gifts"), gifts.gifts, act);
    say(orders.length ? "" : "Nothing yet. What you buy appears here.");
    isMoving = orders.some((order) => ["held", "pledged", "authorised"].includes(order.state) || order.refunding_minor > 0);
    privacy.hidden = !(me.registered || orders.length);
  } catch (problem) {
    say(`Your orders could not be loaded. ${problem.message}`);
  }
}

/** Does what a row's button says, and shows what became of it. */
async function act(button, method, path, body) {
  button.disabled = true;
  try {
    await asBuyer(method, path, { body });
    await load();
  } catch (problem) {
    button.disabled = false;
    button.after(h("span", { class: "problem", role: "alert" }, ` ${problem.message}`));
  }
}

erase.addEventListener("click", async () => {
  if (!confirm("Erase your name, e-mail, address and saved card for good? This can't be undone.")) return;
  erase.disabled = true;
  try {
    await asBuyer("DELETE", "/v1/me");
    endSession();
    erase.textContent = "Erased";
  } catch (problem) {
    erase.disabled = false;
    say(problem.message);
  }
});

addEventListener("pageshow", load);

// What still moves is looked at again, but never under somebody's finger.
setInterval(() => {
  if (isMoving && !document.hidden && !list.contains(document.activeElement)) load();
}, AGAIN_MS);
