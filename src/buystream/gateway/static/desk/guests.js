// The guest list of an event: who comes with which ticket, who is inside, and tickets that let nobody in.
import { h } from "../buystream/dom.js";
import { ask, field } from "./ask.js";

const PAGE = 200;

const STATES = {
  valid: "",
  offered: "being passed on",
  refunded: "refunded",
  blocked: "a bank has its money",
  cancelled: "called off",
  unpaid: "not paid",
  over: "over",
};

/** `path` is the edition's. The list grows page by page; the search looks at what is shown. */
export async function showGuests({ call, say, path, title }) {
  const list = h("ul", { class: "guests", "aria-label": "Guests" });
  const count = h("p", { class: "muted", role: "status" });
  const more = h("button", { type: "button", class: "button small", onclick: () => load() }, "Show more guests");
  let next = null;
  const search = field("search", "Search", { type: "search", wide: true, autocomplete: "off", oninput: () => sift() });
  const sift = () => {
    const wanted = search.querySelector("input").value.trim().toLowerCase();
    let shown = 0;
    for (const item of list.children) {
      item.hidden = !item.textContent.toLowerCase().includes(wanted);
      shown += !item.hidden;
    }
    count.textContent = `${shown.toLocaleString()} ${shown === 1 ? "ticket" : "tickets"}${next ? ", and more" : ""}`;
  };
  const load = async () => {
    const query = new URLSearchParams({ limit: PAGE, ...(next && { after: next }) });
    const page = await call("GET", `${path}/guests?${query}`);
    next = page.next;
    more.hidden = next === null;
    list.append(...page.guests.map((guest) => guestRow(guest, { call, say })));
    sift();
  };
  try {
    await load();
  } catch (problem) {
    say(`The guest list could not be loaded. ${problem.message}`);
    return;
  }
  ask({
    title: "Guest list",
    text: title,
    confirm: "Done",
    dismiss: "Close",
    fields: [search, h("div", { class: "ask-field is-wide" }, count, list, more)],
    act: async () => {},
  });
}

function guestRow(guest, { call, say }) {
  const { ticket_id: id, name, variant_title: variant, is_passed_on: isPassedOn, is_inside: isInside } = guest;
  const who = name ?? "Erased on request";
  const words = [
    `Ticket ${guest.number} of order ${guest.order_id.slice(-8).toUpperCase()}`,
    variant,
    isPassedOn && "passed on",
    STATES[guest.state],
    isInside && "inside",
    guest.is_blocked && "blocked",
  ];
  const turn = async ({ currentTarget: button }) => {
    button.disabled = true;
    try {
      await call("PUT", `/v1/merchant/tickets/${encodeURIComponent(id)}/block`, { blocked: !guest.is_blocked });
      item.replaceWith(guestRow({ ...guest, is_blocked: !guest.is_blocked }, { call, say }));
    } catch (problem) {
      button.disabled = false;
      say(problem.message);
    }
  };
  const verb = guest.is_blocked ? "Unblock" : "Block";
  const item = h(
    "li",
    {},
    h("div", {}, h("strong", {}, who), h("span", { class: "muted" }, words.filter(Boolean).join(" · "))),
    h("button", { type: "button", class: "button small", "aria-label": `${verb} ${who}`, onclick: turn }, verb),
  );
  return item;
}
