// Edition boards, live: one stream per edition however many buttons show it.
import { follow } from "./live.js";

// Over HTTP/1.1 a browser opens six connections per host for all its tabs; streams must leave room for the order itself.
const STREAMS_MAX = 2;

const watched = new Map();

/** Calls `listener(board)` now, if known, and on every change; `missing()` for an unknown edition. Returns the way to stop. */
export function watchBoard(editionId, listener, missing) {
  const entry = watched.get(editionId) ?? start(editionId);
  entry.listeners.add(listener);
  entry.missing.add(missing);
  if (entry.board) listener(entry.board);
  return () => {
    entry.listeners.delete(listener);
    entry.missing.delete(missing);
    if (entry.listeners.size === 0 && watched.get(editionId) === entry) {
      watched.delete(editionId);
      entry.stop();
    }
  };
}

function start(editionId) {
  const streams = [...watched.values()].filter((entry) => entry.stream).length;
  const entry = { board: null, listeners: new Set(), missing: new Set(), stream: streams < STREAMS_MAX };
  entry.stop = follow(`/v1/editions/${editionId}`, {
    stream: entry.stream,
    onValue: (board) => {
      entry.board = board;
      for (const listener of entry.listeners) listener(board);
    },
    onProblem: () => {
      for (const missing of entry.missing) missing();
    },
  });
  watched.set(editionId, entry);
  return entry;
}
