// The shop's time. A phone's own clock may be minutes off, so it is never read: countdowns follow the Date header of
// the shop's answers, and between answers a monotonic clock that nobody can set.
let aheadMs = null; // of performance.now()

/** Takes an answer's Date header, which is truncated to the second and arrives late: the largest estimate counts. */
export function noteServerTime(date) {
  const atMs = Date.parse(date ?? "");
  if (!Number.isNaN(atMs)) aheadMs = Math.max(aheadMs ?? -Infinity, atMs - performance.now());
}

/** Milliseconds since 1970, by the shop's clock. */
export const serverNow = () => (aheadMs === null ? Date.now() : aheadMs + performance.now());
