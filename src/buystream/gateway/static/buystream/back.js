// The browser's Back closes the sheet, and Forward shows it again. While a sheet is open, the history has one more
// entry, which keeps the page's own state, so a router on the page sees nothing unusual. After the sheet was closed in
// another way, Back passes over that entry. It isn't left at once: that would cancel a navigation that begins then.
const MARK = "buystream"; // in the state of our entry: which sheet it stands for, or SPENT
const SPENT = "closed";
const SKIP_MS_MAX = 1_000;

const visit = `${performance.timeOrigin}/`; // an entry of an earlier visit to the page stands for no sheet
const sheets = []; // every till whose sheet was opened here
let current = null; // the one that is open
let spentAt = 0; // on an entry whose sheet was closed: history.length at that time
let skipping = null; // a timer, while our own history.back() is under way

const mark = () => history.state?.[MARK];

const marked = (as) => ({ ...(typeof history.state === "object" && history.state), [MARK]: as });

/**
 * The till's sheet was opened. `till`: has close(), which is false when it was closed already, and reopen(), which is
 * false when there is nothing to show.
 */
export function opened(till) {
  if (!sheets.includes(till)) sheets.push(till);
  current = till;
  spentAt = 0;
  const state = marked(visit + sheets.indexOf(till));
  if (mark()) history.replaceState(state, "");
  else history.pushState(state, "");
}

/** The till's sheet was closed, in whatever way. */
export function closed(till) {
  if (!till || current !== till) return;
  current = null;
  if (mark()) spend();
}

function spend() {
  history.replaceState(marked(SPENT), "");
  spentAt = history.length;
}

/** Shows the sheet of the entry again, if there is anything to show. */
const shown = (as) => Boolean(sheets.find((_, index) => visit + index === as)?.reopen());

function skip() {
  skipping = setTimeout(arrived, SKIP_MS_MAX); // in case there is nothing to go back to
  history.back();
}

function arrived() {
  clearTimeout(skipping);
  skipping = null;
}

addEventListener("popstate", () => {
  const before = current;
  const cameFromSpent = spentAt === history.length; // otherwise the page has added entries of its own since
  current = null;
  spentAt = 0;
  if (skipping !== null) return arrived();
  // Closed already, if its "close" event is still to come.
  const isPast = before ? !before.close() : mark() ? !shown(mark()) : cameFromSpent;
  return isPast && skip();
});

if (mark()) spend(); // the page was loaded again while a sheet was open
