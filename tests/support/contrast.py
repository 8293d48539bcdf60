"""How well text stands out from what is behind it, as WCAG 2.2 computes it (1.4.3, level AA)."""

from typing import Any

from playwright.sync_api import Page

_MEASURE = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
  const luminance = ([r, g, b]) => {
    const linear = (v) => (v <= 10 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
    const [x, y, z] = [r, g, b].map(linear);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const parent = (element) => element.assignedSlot ?? element.parentElement ?? element.getRootNode().host ?? null;
  const measure = (element) => {
    const layers = [];
    let opacity = 1;
    for (let at = element; at; at = parent(at)) {
      const style = getComputedStyle(at);
      if (style.backgroundImage !== "none") return null; // artwork
      opacity *= Number(style.opacity);
      const background = rgba(style.backgroundColor);
      if (background[3] > 0) layers.push(background);
      if (background[3] === 1) break;
    }
    const behind = layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 1]);
    const style = getComputedStyle(element);
    const [r, g, b, a] = rgba(style.color);
    const [x, y] = [luminance(over([r, g, b, a * opacity], behind)), luminance(behind)].sort((m, n) => n - m);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    return { ratio: (x + 0.05) / (y + 0.05), least: isLarge ? 3 : 4.5 };
  };
  const texts = [];
  const visit = (root) => {
    for (const element of root.querySelectorAll("*")) {
      if (element.shadowRoot) visit(element.shadowRoot);
      const own = [...element.childNodes].filter((node) => node.nodeType === 3);
      const text = own.map((node) => node.data.trim()).join("");
      const box = element.getBoundingClientRect();
      if (!text || box.width < 2 || box.height < 2) continue;
      if (element.closest("[disabled], [aria-hidden], svg, style, script")) continue;
      if (!element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
      const measured = measure(element);
      if (measured) texts.push({ text: text.slice(0, 40), ...measured });
    }
  };
  visit(document);
  return texts;
}"""


def texts(page: Page) -> list[dict[str, Any]]:
    """Every visible text with its `ratio` and the `least` that its size needs; disabled controls don't count."""
    measured: list[dict[str, Any]] = page.evaluate(_MEASURE)
    return measured


def too_faint(page: Page) -> list[dict[str, Any]]:
    """The texts below their least ratio; at least a few texts must have been looked at."""
    measured = texts(page)
    assert len(measured) > 4, measured
    return [text for text in measured if text["ratio"] < text["least"]]
