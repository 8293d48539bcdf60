// Times in the merchant's time zone, or an event's, whatever this browser's: what is shown names the zone, and what is
// typed is parsed by the shop.
import { h } from "../buystream/dom.js";
import { field } from "./ask.js";

let timeZone = "UTC";

export const currentZone = () => timeZone;
export const useZone = (name) => {
  timeZone = name;
};

const shown = (atMs, options) => {
  try {
    return new Date(atMs).toLocaleString(undefined, { timeZone, ...options }); // options may name another
  } catch {
    // An old browser that doesn't know the zone.
    return new Date(atMs).toLocaleString(undefined, { timeZone: "UTC", ...options });
  }
};

export const day = (atMs) => shown(atMs, { day: "numeric", month: "short", year: "numeric" });
export const clockTime = (atMs) => shown(atMs, { hour: "numeric", minute: "2-digit", second: "2-digit" });
export const fullTime = (atMs) =>
  shown(atMs, {
    day: "numeric",
    month: "long",
    year: "numeric",
    hour: "numeric",
    minute: "2-digit",
    second: "2-digit",
    timeZoneName: "short",
  });

/** Where an event is: `27 Nov 2026, 20:00`, in words of this browser. */
export const timeAt = (atMs, zone) =>
  shown(atMs, {
    timeZone: zone,
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "numeric",
    minute: "2-digit",
  });

const readings = new WeakMap(); // control → {which, call, typed, answer: Promise of moments}

/**
 * A date and time in that zone, the merchant's unless given, followed by the shop's reading of it, and by a choice
 * where an hour repeats. It begins with `atMs`, if given.
 */
export function momentField(name, label, { hint, call, zone = timeZone, atMs = null }) {
  const understood = h("small", { class: "muted understood", role: "status" });
  const which = h("select", { "aria-label": "Which of the two", hidden: true });
  const read = async ({ currentTarget: control }) => {
    understood.textContent = "";
    which.hidden = true;
    try {
      const moments = await answerFor(control);
      if (!moments.length || readings.get(control).typed !== control.value) return;
      which.replaceChildren(...moments.map(({ at_ms: atMs, text }) => h("option", { value: atMs }, text)));
      which.hidden = moments.length < 2;
      understood.textContent = moments.length < 2 ? moments[0].text : "The clocks go back: this time occurs twice.";
    } catch (problem) {
      understood.textContent = problem.message;
    }
  };
  const wrapper = field(name, `${label} (${zone})`, { type: "datetime-local", hint, onchange: read });
  const control = wrapper.querySelector("input");
  if (atMs != null) control.value = localText(atMs, zone);
  readings.set(control, { which, call, zone, first: { text: control.value, atMs } });
  wrapper.append(understood, which);
  return wrapper;
}

/** `2027-10-31T02:30`, as it is there. */
export function localText(atMs, zone) {
  const form = { timeZone: zone, dateStyle: "short", timeStyle: "short", hourCycle: "h23" };
  return new Date(atMs).toLocaleString("sv-SE", form).replace(" ", "T");
}

/** Whether the control has the moment that it began with. */
export const isAsBefore = (control) => control.value === readings.get(control).first.text;

/** What the control's text means, in milliseconds since 1970, or null when it is empty. */
export async function momentOf(control) {
  if (!control.value) return null;
  const { first } = readings.get(control);
  if (first.atMs != null && isAsBefore(control)) return first.atMs;
  const { which, typed } = readings.get(control);
  const wasShown = typed === control.value && !which.hidden;
  const moments = await (typed === control.value ? readings.get(control).answer : answerFor(control));
  if (moments.length === 1) return moments[0].at_ms;
  if (!wasShown)
    throw new Error(`${control.value.replace("T", " ")} occurs twice, because the clocks go back. Choose which one.`);
  return Number(which.value);
}

function answerFor(control) {
  const typed = control.value;
  const known = readings.get(control);
  const { call } = known;
  const query = new URLSearchParams({ local: typed, time_zone: known.zone });
  const answer = typed
    ? call("GET", `/v1/merchant/moments?${query}`).then(({ moments }) => moments)
    : Promise.resolve([]);
  readings.set(control, { ...known, typed, answer });
  return answer;
}
