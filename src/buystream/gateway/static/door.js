// The door's page: signs a phone in as a scanner, shows the camera, and every answer in the whole screen's colour.
import { h } from "./buystream/dom.js";
import { Camera } from "./door/camera.js";
import { caller } from "./door/calls.js";
import { Clock } from "./door/shop-clock.js";
import { makeDecoder } from "./door/decoder.js";
import { lets } from "./door/decide.js";
import { Scanner } from "./door/scanner.js";
import { signal, unlockSound } from "./door/signals.js";
import { openStore } from "./door/store.js";

const REFRESH_MS = 15_000;
const SHOWN_MS = 2500;

const element = (id) => document.getElementById(id);
const answers = JSON.parse(element("door").dataset.answers);
const time = (atMs, zone) =>
  new Date(atMs).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: zone });

const store = await openStore();
const clock = new Clock(store, (await store.kept("aheadMs")) ?? 0);
let scanner = null;
let camera = null;
let hiding = 0;

// Signing in and out.

async function signIn(key) {
  element("sign-in-problem").textContent = "";
  const call = caller(key, (nowMs) => clock.note(nowMs));
  let door = null;
  try {
    door = await call("GET", "/v1/door", undefined, 10_000);
    const before = await store.kept("door");
    if (before && before.edition_id !== door.edition_id) await store.clear();
    await Promise.all([store.keep("key", key), store.keep("door", door)]);
  } catch (problem) {
    const isRefused = problem.status >= 400 && problem.status < 500;
    door = isRefused || (await store.kept("key")) !== key ? null : await store.kept("door");
    if (!door) {
      const text = isRefused ? "This key opens no door, or no longer does. Get a new link at the desk." : "";
      return showSignIn(text || `Signing in needs a network. ${problem.message}`);
    }
  }
  scanner = new Scanner({ store, call, now: () => clock.now(), door, name: door.scanner });
  element("sign-in").hidden = true;
  element("scan").hidden = false;
  showDoor();
  await refresh();
}

function showSignIn(message = "") {
  element("sign-in").hidden = false;
  element("scan").hidden = true;
  element("sign-in-problem").textContent = message;
}

async function signOut() {
  if ((await store.queued()) && !(await scanner.upload())) {
    return say("Some scans still wait for a network. Sign out when they are uploaded.");
  }
  camera?.stop();
  await store.clear();
  scanner = null;
  showSignIn();
}

// What the shop says, as long as there is a network.

async function refresh() {
  if (!scanner) return;
  try {
    const isUploaded = await scanner.upload();
    if (isUploaded && navigator.onLine !== false) {
      scanner.door = await scanner.call("GET", "/v1/door", undefined, 10_000);
      await store.keep("door", scanner.door);
      await scanner.refreshList((come) => say(`${come.toLocaleString()} entries of the list loaded`));
      say("");
    }
  } catch (problem) {
    if (problem.status === undefined) throw problem;
    if (problem.status === 401) say("This scanner’s key has expired or was revoked. It still scans by its list.");
  }
  showDoor();
  await showState();
}

async function showState() {
  const [listed, queued] = await Promise.all([store.listed(), store.queued()]);
  const isOnline = navigator.onLine !== false;
  element("network").textContent = isOnline ? "Online" : "Offline";
  element("network").classList.toggle("is-online", isOnline);
  element("listed").textContent = `${listed.toLocaleString()} on the list`;
  element("queued").textContent = queued ? `${queued.toLocaleString()} to upload` : "All uploaded";
  element("scan").dataset.listed = listed;
  element("scan").dataset.queued = queued;
  const uploadProblem = scanner?.uploadProblem ?? "";
  element("upload-problem").textContent = uploadProblem && `Scans on this phone can’t be uploaded. ${uploadProblem}`;
}

function showDoor() {
  const { door } = scanner;
  element("title").textContent = door.title;
  element("scanner-name").textContent = door.scanner;
  const gates = element("gate");
  const wanted = ["", ...door.gates.map((gate) => gate.gate_id)].join("\n");
  if (gates.dataset.gates !== wanted) {
    gates.dataset.gates = wanted;
    gates.replaceChildren(
      h("option", { value: "" }, "Any gate"),
      ...door.gates.map((gate) => h("option", { value: gate.gate_id }, gate.title)),
    );
    element("gate-field").hidden = !door.gates.length;
  }
  element("doubles-panel").hidden = !door.double_entries.length;
  element("doubles-title").textContent = `Double entries: ${door.double_entries.length.toLocaleString()}`;
  element("doubles").replaceChildren(...door.double_entries.map(doubleRow));
}

const gateTitle = (gateId) => scanner.door.gates.find((gate) => gate.gate_id === gateId)?.title ?? "";

const where = ({ scanner: name, gateId, atMs }) =>
  [time(atMs, scanner.door.time_zone), name, gateTitle(gateId)].filter(Boolean).join(", ");

function doubleRow({ ticket_id: ticketId, first, second }) {
  const passage = (one) => where({ scanner: one.scanner, gateId: one.gate_id, atMs: one.scanned_at_ms });
  return h(
    "li",
    {},
    h("strong", {}, `Ticket ${short(ticketId)} let two in`),
    h("span", {}, `First: ${passage(first)}`),
    h("span", {}, `Again: ${passage(second)}`),
  );
}

/** Enough of a ticket's id to find it again. */
const short = (ticketId) => ticketId.slice(-8).toUpperCase();

// Scanning.

/** Codes are in upper case, whatever was typed. */
const scan = (text) => answered(scanner.scan(text.trim().toUpperCase()));

async function answered(answer) {
  unlockSound();
  camera?.pause(true);
  try {
    show(await answer);
  } catch (problem) {
    if (problem.status === undefined) throw problem;
    show({ answer: problem.status === 401 ? "signed_out" : "problem", detail: problem.message });
  }
  await showState();
  if (scanner.door && navigator.onLine !== false) scanner.upload().then(showState);
}

function show({ answer, ticketId, variantId, name, earlier, detail = "", alone }) {
  const [heading, advice] = answers[answer] ?? ["Not answered", detail];
  const panel = element("answer");
  const isGood = lets(answer);
  panel.className = `answer ${isGood ? "is-good" : "is-bad"}`;
  panel.dataset.answer = answer;
  element("answer-heading").textContent = heading;
  const variant = scanner.door.variants.find((one) => one.variant_id === variantId)?.title;
  element("answer-who").textContent = [name, variant].filter(Boolean).join(", ");
  const why = earlier && (answer === "already_used" || answer === "no_reentry") ? `Used at ${where(earlier)}.` : advice;
  element("answer-advice").textContent = why;
  const ticket = ticketId ? `Ticket ${short(ticketId)}` : "";
  element("answer-ticket").textContent = [ticket, alone && "decided without a network"].filter(Boolean).join(", ");
  panel.hidden = false;
  signal(isGood);
  element("undo").hidden = !scanner.last;
  clearTimeout(hiding);
  if (isGood) hiding = setTimeout(hide, SHOWN_MS);
  else element("answer-next").focus();
}

function hide() {
  clearTimeout(hiding);
  element("answer").hidden = true;
  camera?.pause(false);
}

function say(message) {
  element("notice").textContent = message;
}

async function startCamera() {
  unlockSound();
  element("camera-problem").textContent = "";
  try {
    camera ??= new Camera(element("video"), await makeDecoder(), scan);
    await camera.start();
  } catch (error) {
    const isDenied = error.name === "NotAllowedError";
    element("camera-problem").textContent = isDenied
      ? "The camera isn’t allowed. Allow it in the browser’s settings, or type the code."
      : "There is no camera that can be used. Type the code, or use a hand scanner.";
    return;
  }
  element("viewfinder").classList.add("is-on");
  element("camera-start").hidden = true;
  element("torch").hidden = !camera.hasTorch;
}

// Search, for people who have lost their phones.

async function search(name) {
  const found = element("found");
  try {
    const path = `/v1/door/search?name=${encodeURIComponent(name)}`;
    const { tickets } = await scanner.call("GET", path, undefined, 10_000);
    found.replaceChildren(...tickets.map(foundRow));
    element("search-problem").textContent = tickets.length ? "" : "Nobody of that name has a ticket.";
  } catch (problem) {
    if (problem.status === undefined) throw problem;
    found.replaceChildren();
    element("search-problem").textContent =
      problem.status === 0
        ? "Searching needs a network: this phone keeps nobody’s name."
        : `The search failed. ${problem.message}`;
  }
}

function foundRow({ name, email, last, ticket_id: ticketId, variant_id: variantId }) {
  const variant = scanner.door.variants.find((one) => one.variant_id === variantId)?.title;
  const who = [name, email, variant, short(ticketId)].filter(Boolean).join(", ");
  const isInside = last?.direction === "entry";
  const since = last && `${isInside ? "Inside since" : "Left at"} ${time(last.scanned_at_ms, scanner.door.time_zone)}`;
  const isOffered = !isInside && (!last || scanner.door.reentry);
  return h(
    "li",
    {},
    h("span", {}, who, since && h("strong", {}, h("br"), since)),
    isOffered && h("button", { type: "button", class: "button small", onclick: () => letIn(ticketId) }, "Let in"),
  );
}

async function letIn(ticketId) {
  scanner.direction = "entry";
  element("scan").querySelector("[value=entry]").checked = true;
  element("found").replaceChildren();
  await answered(scanner.admit(ticketId));
}

element("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn(element("key").value.trim());
  element("key").value = "";
});
element("code-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const code = element("code").value;
  element("code").value = "";
  if (code.trim()) scan(code);
});
element("search-form").addEventListener("submit", (event) => {
  event.preventDefault();
  search(element("name").value.trim());
});
element("gate").addEventListener("change", ({ target }) => {
  scanner.gateId = target.value;
});
for (const choice of document.querySelectorAll("input[name=direction]")) {
  choice.addEventListener("change", () => {
    scanner.direction = choice.value;
  });
}
element("camera-start").addEventListener("click", startCamera);
element("torch").addEventListener("click", async ({ currentTarget }) => {
  const isOn = currentTarget.getAttribute("aria-pressed") !== "true";
  await camera.torch(isOn);
  currentTarget.setAttribute("aria-pressed", String(isOn));
});
element("answer-next").addEventListener("click", hide);
element("undo").addEventListener("click", async () => {
  element("undo").hidden = true;
  try {
    await scanner.undo();
    say("The last scan is undone.");
  } catch (problem) {
    if (problem.status === undefined) throw problem;
    say(`It could not be undone. ${problem.message}`);
  }
  await showState();
});
element("leave").addEventListener("click", signOut);
for (const change of ["online", "offline"]) addEventListener(change, refresh);
setInterval(refresh, REFRESH_MS);

if ("serviceWorker" in navigator) {
  navigator.serviceWorker.register("/door-worker.js", { scope: "/door" }).catch(() => {
    say("This browser can’t keep the page: it will not open without a network.");
  });
  navigator.serviceWorker.ready.then(() => element("door").setAttribute("data-kept", ""));
}

// A link carries the key in its fragment, which browsers never send; it is taken out of the address at once.
const linked = /^#key=(.+)$/.exec(location.hash)?.[1];
if (linked) history.replaceState(null, "", location.pathname);
const key = linked ? decodeURIComponent(linked) : await store.kept("key");
if (key) await signIn(key);
else showSignIn();
element("door").setAttribute("data-ready", "");
