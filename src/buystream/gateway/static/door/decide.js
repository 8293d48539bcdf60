// What a scanner without a network answers, from the list and from what it has scanned itself. The shop's own decision
// is buystream.aggregates.edition.admitting; the words are the same.
import { indexOf, isSigned, openEntry, parse } from "./codes.js";

/**
 * The answer to a code: `{ answer, ticketId, variantId, name, earlier }`. `door` is what GET /v1/door says, `atMs` is
 * now by the shop's clock.
 */
export async function decide(text, { store, door, direction, gateId, atMs }) {
  const code = parse(text);
  if (!code) return { answer: "unknown" };
  const known = { ticketId: code.ticketId, variantId: code.variantId, issue: code.issue };
  if (code.editionId !== door.edition_id) return { ...known, answer: "other_event" };
  if (door.called_off) return { ...known, answer: "called_off" };
  const [sealed, reason, last] = (await store.entry(await indexOf(text))) ?? [];
  if (sealed === undefined) {
    return { ...known, answer: (await isSigned(code, door.public_keys)) === false ? "unknown" : "not_listed" };
  }
  if (reason) return { ...known, answer: reason };
  const entry = await openEntry(text, sealed, door.edition_id);
  if (entry?.t !== code.ticketId) return { ...known, answer: "unknown" };
  const opened = { ...known, name: entry.n ?? "" };
  const passages = [...(last ? [passageOf(last)] : []), ...(await store.passages(code.ticketId))];
  const earlier = passages.reduce((a, b) => (a && a.atMs > b.atMs ? a : b), null);
  const isInside = earlier?.direction === "entry";
  if (direction === "exit") return { ...opened, earlier, answer: isInside ? "left" : "not_inside" };
  // The event may have moved since the code was signed.
  if (atMs < (door.doors_at_ms ?? code.validFromMs)) return { ...opened, answer: "not_valid_yet" };
  if (atMs >= (door.ends_at_ms ?? code.validUntilMs)) return { ...opened, answer: "no_longer_valid" };
  const gate = door.gates.find((one) => one.gate_id === gateId);
  if (gate?.variant_ids.length && !gate.variant_ids.includes(code.variantId)) {
    return { ...opened, answer: "wrong_gate" };
  }
  if (isInside) return { ...opened, earlier, answer: "already_used" };
  if (earlier && !door.reentry) return { ...opened, earlier, answer: "no_reentry" };
  return { ...opened, answer: "valid" };
}

/** Whom the list names for the code; empty where it names nobody. */
export async function nameOf(text, store, door) {
  const [sealed] = (await store.entry(await indexOf(text))) ?? [];
  return (sealed && (await openEntry(text, sealed, door.edition_id))?.n) || "";
}

export const lets = (answer) => answer === "valid" || answer === "left";

const passageOf = ([direction, atMs, scanner, gateId, nonce]) => ({ direction, atMs, scanner, gateId, nonce });
