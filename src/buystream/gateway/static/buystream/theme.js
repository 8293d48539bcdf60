// The colours and the font of an element as they are now, whatever the host's theme and the light: for frames, which
// see no custom properties of the page around them.
import { h } from "./dom.js";

const COLOURS = ["accent", "surface", "ink", "soft", "line", "fill", "bad", "good"];

/** `element` has the button's style sheet in its shadow root, or is within one that has. */
export function themeOf(element) {
  const probe = h("span");
  (element.shadowRoot ?? element).append(probe);
  const computed = (colour) => {
    probe.style.color = colour;
    return getComputedStyle(probe).color;
  };
  const theme = Object.fromEntries(COLOURS.map((name) => [name, computed(`var(--${name})`)]));
  theme.font = getComputedStyle(probe).fontFamily;
  theme.radius = getComputedStyle(probe).getPropertyValue("--radius").trim();
  theme.isDark = computed("light-dark(rgb(0, 0, 0), rgb(255, 255, 255))") === "rgb(255, 255, 255)";
  probe.remove();
  return theme;
}

/**
 * Dresses the shop's sheet in a foreign page's theme, as far as the page is trusted: an accent that stands out, how
 * round, light or dark. Whatever could hide a price or a button's words stays the shop's own.
 */
export function dress(element, { accent, radius, isDark }) {
  const { style } = element;
  style.colorScheme = isDark ? "dark" : "light";
  document.documentElement.style.colorScheme = style.colorScheme; // the frame's own, or it is painted over
  const rgb = /^rgb\((\d+), (\d+), (\d+)\)$/.exec(accent)?.slice(1).map(Number);
  const surface = isDark ? [26, 28, 36] : [255, 255, 255];
  if (rgb && contrast(rgb, surface) >= 3) {
    style.setProperty("--buystream-accent", accent);
    style.setProperty("--buystream-on-accent", contrast(rgb, [255, 255, 255]) >= 4.5 ? "#ffffff" : "#000000");
  }
  if (/^\d{1,2}(\.\d+)?px$/.test(radius)) style.setProperty("--buystream-radius", radius);
}

/** WCAG's ratio, from 1 to 21. */
function contrast(one, other) {
  const [lighter, darker] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance(rgb) {
  const [red, green, blue] = rgb.map((value) =>
    value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
  );
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
