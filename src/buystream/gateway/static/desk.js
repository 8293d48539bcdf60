// The merchant desk: signs in, follows the dashboard and hands each part of the page what it shows.
import { download, request } from "./buystream/api.js";
import { follow } from "./buystream/live.js";
import { money } from "./buystream/money.js";
import { Access, keepKey, keptKey } from "./desk/access.js";
import { Cancellations } from "./desk/cancellations.js";
import { drawCharts } from "./desk/charts.js";
import { Codes } from "./desk/codes.js";
import { Disputes } from "./desk/disputes.js";
import { Doors } from "./desk/doors.js";
import { Files } from "./desk/files.js";
import { Drafts } from "./desk/drafts.js";
import { drawEditions } from "./desk/editions.js";
import { Keys } from "./desk/keys.js";
import { Ledger } from "./desk/ledger.js";
import { Mails } from "./desk/mails.js";
import { useZone } from "./desk/moments.js";
import { OrderSearch } from "./desk/order-search.js";
import { PageEditor } from "./desk/page-editor.js";
import { Parcels } from "./desk/parcels.js";
import { Past, pastCancellations } from "./desk/past.js";
import { Passkeys, arePossible } from "./desk/passkeys.js";
import { People } from "./desk/people.js";
import { askRelease } from "./desk/release.js";
import { linkRooms } from "./desk/rooms.js";
import { Sources } from "./desk/sources.js";
import { Statement } from "./desk/statement.js";
import { Trail } from "./desk/trail.js";
import { Webhooks } from "./desk/webhooks.js";

const element = (id) => document.getElementById(id);
const count = (number) => number.toLocaleString();
const percent = (share) => `${(share * 100).toFixed(1)}%`;

const access = new Access();
let visit = 0; // counts sign-ins, so that nobody sees an answer to the one before
let may = new Set();
let merchant = null;
let stop = null;
let live = null; // the newest dashboard that was followed
let past = null;

/** An answer that comes after its merchant has signed out is shown to nobody. */
async function call(method, path, body, idempotencyKey) {
  const asked = visit;
  const answer = await request(method, path, { body, token: await access.bearer(), idempotencyKey });
  if (asked !== visit) throw new Error("You have signed out.");
  return answer;
}

const file = async (path, name, body) => download(path, await access.bearer(), name, body);

function say(message) {
  if (!merchant) return;
  const notice = element("notice");
  notice.textContent = message;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => {
    notice.textContent = "";
  }, 6000);
}

element("waiting").remove();
const keys = new Keys({ call, say });
const webhooks = new Webhooks({ call, say });
const save = (path, name) => file(path, name);
const search = new OrderSearch({ currency: () => merchant.currency, onChange: () => ledger.lookFor(), save });
const ledger = new Ledger({ call, say, search });
const statement = new Statement({ call, say, download: file });
linkRooms(element("rooms"), element("desk"));
const sources = new Sources({ call, say, download: file });
const disputes = new Disputes({ call, say });
const doors = new Doors({ call, say });
const files = new Files({ call, say, token: () => access.bearer() });
const codes = new Codes({ call, say, download: file });
const parcels = new Parcels({
  call,
  say,
  print: (body, name) => file("/v1/merchant/packing.pdf", name, body),
});
const editor = new PageEditor({ call, say, token: () => access.bearer() });
const drafts = new Drafts({ call, say, editor });
const mails = new Mails({ call, say });
const people = new People({ call, say });
const trail = new Trail({ call, say });
const passkeys = new Passkeys({ call, say });
const cancellations = new Cancellations(call);

/** Signs in by one of the access's ways; `refusal` is what is said when that isn't accepted. */
async function enter(way, refusal) {
  element("enter-error").textContent = "";
  visit += 1;
  try {
    await way();
    merchant = await call("GET", "/v1/merchant");
    may = new Set((await call("GET", "/v1/merchant/me")).may.map(({ name }) => name));
  } catch (problem) {
    const isWrong = problem.status === 401 || problem.status === 403;
    leave(isWrong ? refusal : `The shop didn’t answer. ${problem.message}`);
    return;
  }
  for (const part of document.querySelectorAll("[data-needs]")) {
    part.classList.toggle("not-for-you", !may.has(part.dataset.needs));
  }
  if (may.has("people")) keys.load();
  if (may.has("sell")) drafts.load();
  if (may.has("arrange")) webhooks.load();
  people.load(may.has("people"));
  if (may.has("trail")) trail.load();
  if (access.isMember) passkeys.load();
  for (const id of ["desk", "session", "connection"]) element(id).hidden = false;
  for (const id of ["enter", "enter-by-mail"]) element(id).hidden = true;
  useZone(merchant.time_zone);
  past ??= new Past({ call, show, say, onState: showPast });
  element("zone").textContent = merchant.time_zone;
  element("merchant-name").textContent = merchant.name;
  document.title = `${merchant.name}, desk`;
  stop = follow("/v1/merchant/dashboard", {
    token: () => access.bearer(),
    onValue: (dashboard) => {
      live = dashboard;
      if (!past.isOpen) showLive();
    },
    onConnection: showConnection,
    onProblem: () => leave("Your access has ended, or doesn’t include this page."),
  });
}

function leave(message = "") {
  stop?.();
  stop = null;
  live = null;
  visit += 1;
  access.leave();
  merchant = null;
  may = new Set();
  if (past?.isOpen) past.leave();
  keys.clear();
  drafts.clear();
  webhooks.clear();
  ledger.clear();
  statement.clear();
  sources.clear();
  disputes.clear();
  doors.clear();
  files.clear();
  codes.clear();
  parcels.clear();
  mails.clear();
  people.clear();
  trail.clear();
  passkeys.clear();
  for (const id of ["desk", "session", "connection"]) element(id).hidden = true;
  for (const id of ["enter", "enter-by-mail"]) element(id).hidden = false;
  element("enter-error").textContent = message;
  element("email").focus();
}

let isConnected = false;

function showConnection(isLive = isConnected) {
  isConnected = isLive;
  const pill = element("connection");
  const text = past?.isOpen ? "the past" : isLive ? "live" : "reconnecting";
  if (pill.textContent !== text) pill.textContent = text;
  pill.classList.toggle("is-live", isLive && !past?.isOpen);
}

function showPast(isPast) {
  document.body.classList.toggle("is-past", isPast);
  showConnection();
  if (!isPast && live) showLive();
}

function showLive() {
  show(live);
  search.offer(live.editions);
  if (may.has("figures")) statement.refreshIfChanged(live.totals);
  doors.refresh(live.editions);
  files.refresh(live.editions);
  if (may.has("sell")) codes.refresh(live.editions);
  if (!may.has("orders")) return;
  ledger.refreshIfChanged(live.totals);
  disputes.refresh();
  parcels.refresh(live.editions);
  mails.refresh();
}

const skippedGifts = ({ gifts_skipped: number }) =>
  number ? `, ${count(number)} recurring gifts skipped after an outage` : "";

function show(dashboard) {
  const { totals } = dashboard;
  const last = dashboard.per_second.slice(-10);
  const lately = dashboard.live?.last_60_seconds;
  const mean = (name) => last.reduce((sum, second) => sum + second[name], 0) / Math.max(1, last.length);
  const perSecond = (name) => (dashboard.live?.last_10_seconds[`${name}_per_second`] ?? mean(name)).toFixed(1);
  const when = past?.isOpen ? "then" : "now";
  const heldNow = dashboard.editions.reduce((sum, edition) => sum + edition.held, 0);
  const revenue = Object.entries(totals.revenue_minor).sort(
    ([a], [b]) => (b === merchant.currency) - (a === merchant.currency),
  );
  const texts = {
    "kpi-clicks": count(totals.clicks),
    "kpi-clicks-sub": `${perSecond("clicks")} per second ${when}`,
    "kpi-held": count(totals.held),
    "kpi-held-sub": past?.isOpen ? `${count(heldNow)} at that time` : `${count(heldNow)} right now`,
    "kpi-confirmed": count(totals.confirmed),
    "kpi-confirmed-sub": `${perSecond("sales")} per second ${when}`,
    "kpi-conversion": percent(totals.conversion),
    "kpi-conversion-sub": lately?.clicks_per_second
      ? `${percent(lately.conversion)} in the last minute`
      : "of all clicks",
    "kpi-revenue": revenue.length ? money(revenue[0][1], revenue[0][0]) : money(0, merchant.currency),
    "kpi-revenue-sub": revenue
      .slice(1)
      .map(([currency, minor]) => money(minor, currency))
      .join(" · "),
    "refused-total":
      `${count(totals.refused)} clicks refused, ${count(totals.expired)} holds expired` + skippedGifts(totals),
  };
  for (const [id, text] of Object.entries(texts)) element(id).textContent = text;
  drawCharts(dashboard, merchant.currency);
  sources.refresh(dashboard, past?.isOpen ? dashboard.as_of_ms : null);
  drawEditions(dashboard.editions, {
    call,
    say,
    editor,
    drafts,
    cancellations: past?.isOpen ? pastCancellations : cancellations,
  });
}

const enterByKey = (key) =>
  enter(() => {
    access.useKey(key);
    keepKey(key);
  }, "This API key isn’t valid. Check it and try again.");

element("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  enterByKey(element("key").value.trim());
  element("key").value = "";
});
element("enter-by-mail").addEventListener("submit", async (event) => {
  event.preventDefault();
  const status = element("enter-by-mail-status");
  try {
    const body = { email: element("email").value.trim() };
    status.textContent = (await request("POST", "/v1/desk/link", { body })).detail;
  } catch (problem) {
    status.textContent = problem.message;
  }
});
element("enter-by-passkey").hidden = !arePossible();
element("enter-by-passkey").addEventListener("click", () =>
  enter(() => access.usePasskey(), "This passkey isn’t known here. Sign in by mail, and add it."),
);
element("leave").addEventListener("click", () => leave());
element("release").addEventListener("click", () => askRelease({ call, say, drafts, currency: merchant.currency }));

// A link may carry a key or a code in its fragment, which browsers never send; it is taken out of the address at once.
const [, kind, secret] = /^#(key|link)=(.+)$/.exec(location.hash) ?? [];
if (kind) history.replaceState(null, "", location.pathname);
const known = kind === "key" ? decodeURIComponent(secret) : keptKey();
if (kind === "link") {
  enter(() => access.useLink(secret), "This link has been used or has expired. Ask for another one.");
} else if (known) enterByKey(known);
else enter(() => access.useSession(), "");
