// What the browser keeps between visits. In-app browsers may refuse localStorage: memory then serves for this page.

/** The copy in memory; frames within a document of the shop's share it. */
export const memory = sharedMemory();

function sharedMemory() {
  try {
    if (parent !== window && parent.buystreamMemory) return parent.buystreamMemory;
  } catch {
    // A page of another origin holds this one.
  }
  window.buystreamMemory = new Map();
  return window.buystreamMemory;
}

/** The JSON value kept under `key`, or null. */
export function recall(key) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? memory.get(key) ?? null;
  } catch {
    return memory.get(key) ?? null;
  }
}

export function remember(key, value) {
  memory.set(key, value);
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Storage is blocked or full; the copy in memory serves.
  }
}

export function forget(key) {
  memory.delete(key);
  try {
    localStorage.removeItem(key);
  } catch {
    // Nothing was kept there.
  }
}

/** The keys that begin with `prefix`. */
export function keysOf(prefix) {
  let kept = [];
  try {
    kept = Object.keys(localStorage);
  } catch {
    // Only what is in memory.
  }
  return [...new Set([...kept, ...memory.keys()])].filter((key) => key.startsWith(prefix));
}

/** Whether other tabs see what this one keeps. */
export function isShared() {
  try {
    localStorage.setItem("buystream.shared", "1");
    return localStorage.getItem("buystream.shared") === "1";
  } catch {
    return false;
  }
}

/** Calls `changed(value)` when another tab changes what is kept under `key`. Returns the way to stop. */
export function onOtherTab(key, changed) {
  const onStorage = (event) => {
    if (event.key !== key) return;
    if (event.newValue === null) memory.delete(key);
    changed(recall(key));
  };
  addEventListener("storage", onStorage);
  return () => removeEventListener("storage", onStorage);
}
