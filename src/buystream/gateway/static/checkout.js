// The shop's part of a button on another site's page: a frame over that page, with the session and the sheets. It takes
// messages from the page that embeds it and from nobody else, and answers through a port that only that page's button
// holds.
import { watchBoard } from "./buystream/hub.js";
import { isInsideForeignPage } from "./buystream/guard.js";
import { namesOf } from "./buystream/placement.js";
import { answer, ask } from "./buystream/ports.js";
import { changes, identify, signOut } from "./buystream/session.js";
import { styleSheet } from "./buystream/styles.js";
import { dress } from "./buystream/theme.js";
import { Till } from "./buystream/till.js";

const place = document.getElementById("checkout");
const root = place.attachShadow({ mode: "open" });
root.adoptedStyleSheets = [styleSheet()];

const tills = new Map(); // by edition
const boards = new Map(); // edition -> the way to stop watching
const acts = new Map(); // edition -> what to do once its board has arrived
let carried = [];
let opened = null;
let page = null;

addEventListener("message", ({ data, source, ports: [port] }) => {
  if (source !== parent || parent === window || data?.buystream !== "checkout" || !port || page) return;
  page = port;
  dress(place, data.theme);
  identify(data.hostToken);
  answer(page, {
    identify: ({ hostToken }) => identify(hostToken),
    signOut: () => {
      signOut();
      identify(null);
    },
    theme: ({ theme }) => dress(place, theme),
    attach: ({ edition }) => {
      attach(edition);
    },
    orders: ({ edition }) => open(edition, (till) => till.showOrders()),
    reopen: ({ edition }) => open(edition, (till) => till.reopen() || nothingOpen()),
    choose: ({ edition, variant }) => {
      attach(edition);
      tills.get(edition).choose(variant);
    },
    tap: ({ edition, variant, quantity, others, placement, code }) =>
      tap(edition, variant, String(code ?? ""), {
        quantity: Number(quantity) || 1,
        others: linesOf(others),
        placement: namesOf(placement),
      }),
    watch: ({ editions }) => {
      carried = editions;
      watch();
    },
    close: () => {
      acts.delete(opened); // its board may not have arrived yet
      if (!tills.get(opened)?.close()) nothingOpen();
    },
  });
  ask(page, { ask: "ready" });
});

function attach(edition) {
  if (tills.has(edition)) return;
  const till = new Till(edition, { isFramed: isInsideForeignPage() });
  tills.set(edition, till);
  root.append(till.element);
  const report = () => ask(page, { ask: "facts", edition, facts: till.facts });
  till.addEventListener("change", report);
  till.addEventListener("milestone", ({ detail }) =>
    ask(page, { ask: "milestone", edition, detail: { ...detail, detail: publicPart(detail.detail) } }),
  );
  till.addEventListener("closed", nothingOpen);
  report();
}

function nothingOpen() {
  opened = null;
  watch();
  ask(page, { ask: "closed" });
}

/** What the page that embeds the button may know of an order. */
function publicPart({ order_id, edition_id, quantity, total_minor, currency, state, reason }) {
  return { order_id, edition_id, quantity, total_minor, currency, state, reason };
}

/** What the page says of other lines, as a till takes them. */
const linesOf = (others) =>
  Array.isArray(others)
    ? others.map(({ variant, quantity }) => ({ variant: String(variant), quantity: Number(quantity) || 1 }))
    : [];

const tap = (edition, variant, code, wanted) =>
  open(edition, (till) => {
    till.code = code;
    till.choose(variant);
    till.tap(wanted);
  });

/** Opens the edition's sheet with `act(till)`, as soon as its board has arrived. */
function open(edition, act) {
  attach(edition);
  opened = edition;
  acts.set(edition, act);
  watch();
}

/** Watches the editions that the page shows and the one that is open here. */
function watch() {
  const wanted = new Set([...carried, ...(opened ? [opened] : [])]);
  for (const [edition, stop] of boards) {
    if (wanted.has(edition)) continue;
    stop();
    boards.delete(edition);
  }
  for (const edition of wanted)
    if (!boards.has(edition))
      boards.set(
        edition,
        watchBoard(edition, show, () => page.postMessage({ board: { id: edition }, event: "missing" })),
      );
  if (opened && known.has(opened)) pressed(opened);
}

const known = new Map(); // the newest board of each edition

function show(board) {
  const { edition_id: edition } = board;
  known.set(edition, board);
  page.postMessage({ board, event: "board" });
  tills.get(edition)?.show(board);
  pressed(edition);
}

function pressed(edition) {
  const act = acts.get(edition);
  if (!act) return;
  acts.delete(edition);
  tills.get(edition).show(known.get(edition));
  act(tills.get(edition));
}

changes.addEventListener("person", () => {
  for (const till of tills.values()) till.close();
});
