// Elements without innerHTML: text can't become markup, and a strict Content-Security-Policy is satisfied.

const SVG = "http://www.w3.org/2000/svg";

/** h("button", {class: "buy", onclick: fn, disabled: true}, "Buy", child, null) */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

/** An icon of stroked paths on a 24 by 24 grid; decoration for screen readers. */
export function icon(paths, className = "icon") {
  const svg = document.createElementNS(SVG, "svg");
  for (const [name, value] of Object.entries({
    viewBox: "0 0 24 24",
    class: className,
    "aria-hidden": "true",
    fill: "none",
    stroke: "currentColor",
    "stroke-width": "2",
    "stroke-linecap": "round",
    "stroke-linejoin": "round",
  })) {
    svg.setAttribute(name, value);
  }
  for (const d of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    path.setAttribute("pathLength", "1");
    svg.append(path);
  }
  return svg;
}

export const ICONS = {
  check: ["M5 12.5l4.5 4.5L19 7.5"],
  close: ["M6 6l12 12", "M18 6L6 18"],
  lock: ["M6 11h12v9H6z", "M9 11V8a3 3 0 0 1 6 0v3"],
  clock: ["M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18", "M12 8v4l3 2"],
  bank: ["M4 10l8-5l8 5", "M6 10v8", "M10 10v8", "M14 10v8", "M18 10v8", "M4 20h16"],
  offline: ["M2 9a15 15 0 0 1 20 0", "M5.5 12.5a10 10 0 0 1 13 0", "M9 16a5 5 0 0 1 6 0", "M12 19.5v.5", "M3 3l18 18"],
  gone: ["M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18", "M8.5 8.5l7 7", "M15.5 8.5l-7 7"],
};

/** 95_000 -> "1:35"; 7_300_000 -> "2 h 1 min"; days beyond that. */
export function duration(milliseconds) {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  if (seconds >= 172_800) return `${Math.floor(seconds / 86_400)} days`;
  if (seconds >= 3_600) return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** Makes `rows` the children of `parent`; those that stay are not touched, so that they keep focus and half a click. */
export function arrange(parent, rows) {
  const wanted = new Set(rows);
  for (const row of [...parent.children]) if (!wanted.has(row)) row.remove();
  rows.forEach((row, index) => {
    if (parent.children[index] !== row) parent.insertBefore(row, parent.children[index] ?? null);
  });
}
