// The desk's charts, drawn by plotly.js; colours follow the system's light or dark scheme.
import { h } from "../buystream/dom.js";
import { minorDigits, money } from "../buystream/money.js";

const THEMES = {
  light: {
    ink: "#15161d",
    soft: "#565968",
    line: "#e6e6e3",
    surface: "#ffffff",
    available: "#c3caf7",
    held: "#d98a1f",
    sold: "#2a3cdb",
    clicks: "#2a3cdb",
    sales: "#0b7a4b",
    refusals: "#c2405a",
  },
  dark: {
    ink: "#f1f2f6",
    soft: "#a9acbb",
    line: "#2c2f3b",
    surface: "#1a1c24",
    available: "#3b4270",
    held: "#f0b25c",
    sold: "#8f9dff",
    clicks: "#8f9dff",
    sales: "#58d6a0",
    refusals: "#ff8fa0",
  },
};
const CONFIG = { displayModeBar: false, responsive: true };
const darkScheme = matchMedia("(prefers-color-scheme: dark)");

const ROW_PIXELS = 42;
const TALL_PIXELS = 240; // as .chart in desk.css

let chosenCurrency = null;
let latest = null;

export function drawCharts(dashboard, merchantCurrency) {
  latest = [dashboard, merchantCurrency];
  if (document.hidden || !window.Plotly) return;
  const theme = THEMES[darkScheme.matches ? "dark" : "light"];
  drawTempo(dashboard, theme);
  drawStock(dashboard.editions, theme);
  drawRevenue(dashboard, merchantCurrency, theme);
  drawRefusals(dashboard.totals.refusals, theme);
}

const SOURCES_MAX = 8;
let sources = [];

/** Nothing is shown of a merchant after signing out. */
export function clearSources() {
  sources = [];
  const target = document.getElementById("chart-sources");
  if (target.data) window.Plotly.purge(target);
}

/** `found`: figures of placements with their `name`, the one with the most paid orders first. */
export function drawSources(found) {
  sources = found;
  if (document.hidden || !window.Plotly) return;
  const theme = THEMES[darkScheme.matches ? "dark" : "light"];
  const shown = found.slice(0, SOURCES_MAX).reverse();
  const places = shown.map((_, place) => place);
  const most = Math.max(0, ...shown.map(({ clicks }) => clicks));
  const bar = (name, label, color) => ({
    type: "bar",
    orientation: "h",
    name: label,
    y: places,
    x: shown.map((one) => one[name]),
    marker: { color },
    customdata: shown.map((one) => literal(one.name)),
    hovertemplate: "%{customdata}: %{x:,} " + label + "<extra></extra>",
  });
  grow("chart-sources", shown.length);
  draw(
    "chart-sources",
    found.slice(0, SOURCES_MAX).map((one) => `${one.name}: ${one.clicks} clicks, ${one.paid} paid.`).join(" "),
    [bar("clicks", "clicks", theme.available), bar("paid", "paid", theme.sales)],
    layout(theme, {
      barmode: "overlay",
      bargap: barGap(shown.length),
      ...emptiness(theme, !shown.length, "Nobody has come yet"),
      xaxis: {
        showgrid: true,
        rangemode: "tozero",
        nticks: 5,
        visible: shown.length > 0,
        ...(most < 4 && { range: [0, 4], dtick: 1 }),
      },
      yaxis: {
        visible: shown.length > 0,
        showgrid: false,
        tickmode: "array",
        tickvals: places,
        ticktext: shown.map((one) => literal(short(one.name))),
        ticks: "outside",
        ticklen: 6,
        tickcolor: "rgba(0,0,0,0)",
      },
    }),
  );
}

function redraw() {
  if (!latest) return;
  drawCharts(...latest);
  drawSources(sources);
}
darkScheme.addEventListener("change", redraw);
document.addEventListener("visibilitychange", redraw);

/** Bars keep a reasonable height however few they are. */
const barGap = (bars) => 1 - Math.min(0.6, 0.2 + 0.12 * bars);

/** An empty chart says so, on an axis that promises nothing. */
function emptiness(theme, isEmpty, text) {
  const note = {
    text,
    showarrow: false,
    xref: "paper",
    yref: "paper",
    x: 0.5,
    y: 0.5,
    font: { color: theme.soft, size: 14 },
  };
  return { annotations: isEmpty ? [note] : [] };
}

function layout(theme, overrides = {}) {
  const axis = {
    gridcolor: theme.line,
    linecolor: theme.line,
    zeroline: false,
    tickfont: { color: theme.soft, size: 12 },
    fixedrange: true,
    automargin: true,
  };
  const { xaxis, yaxis, ...rest } = overrides;
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    showlegend: false,
    dragmode: false,
    bargap: 0.35,
    margin: { l: 8, r: 12, t: 8, b: 8 },
    font: { family: getComputedStyle(document.body).fontFamily, color: theme.ink, size: 13 },
    hoverlabel: { bgcolor: theme.surface, bordercolor: theme.line, font: { color: theme.ink } },
    xaxis: { ...axis, showgrid: false, ...xaxis },
    yaxis: { ...axis, ...yaxis },
    ...rest,
  };
}

function draw(id, summary, traces, chartLayout) {
  const target = document.getElementById(id);
  target.setAttribute("aria-label", summary);
  if (!target.clientWidth) return window.Plotly.purge(target); // drawn while it is hidden, it would be 700 pixels wide
  window.Plotly.react(target, traces, chartLayout, CONFIG);
}

/** So many rows get a height that leaves room for their labels; the panel scrolls. */
function grow(id, rows) {
  const target = document.getElementById(id);
  const height = rows * ROW_PIXELS > TALL_PIXELS ? `${rows * ROW_PIXELS}px` : "";
  if (target.style.height === height) return;
  target.style.height = height;
  if (target.data) window.Plotly.Plots.resize(target);
}

function drawTempo({ per_second: seconds, as_of_ms: asOf }, theme) {
  const x = seconds.map((second) => new Date(second.at_ms));
  const line = (name, color, fill) => ({
    type: "scatter",
    mode: "lines",
    name,
    x,
    y: seconds.map((second) => second[name]),
    line: { color, width: 2, shape: "hv" },
    ...(fill && { fill: "tozeroy", fillcolor: `${color}22` }),
    hovertemplate: "%{y}",
  });
  const last = seconds.at(-1) ?? { clicks: 0, sales: 0 };
  const most = Math.max(0, ...seconds.flatMap(({ clicks, sales, refusals }) => [clicks, sales, refusals]));
  draw(
    "chart-tempo",
    `Last second: ${last.clicks} clicks, ${last.sales} sales.`,
    [line("clicks", theme.clicks, true), line("sales", theme.sales, true), line("refusals", theme.refusals)],
    layout(theme, {
      hovermode: "x unified",
      showlegend: true,
      legend: {
        orientation: "h",
        x: 0,
        y: 1.14,
        font: { color: theme.soft, size: 13 },
        itemclick: false,
        itemdoubleclick: false,
      },
      margin: { l: 8, r: 12, t: 30, b: 8 },
      xaxis: { type: "date", range: [new Date(asOf - 120_000), new Date(asOf)], tickformat: "%H:%M:%S", nticks: 4 },
      yaxis: { rangemode: "tozero", nticks: 5, ...(most < 4 && { range: [0, 4], dtick: 1 }) },
    }),
  );
}

function short(text, length = 22) {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

/** Text as Plotly shows it literally: it takes `<b>` and the like for markup. */
function literal(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Every limited edition has its row, as a share of its own stock: a small one is as long as a large one. */
function drawStock(editions, theme) {
  const limited = editions.filter(({ stock }) => stock).reverse();
  const labels = limited.map(
    ({ title, available, stock }) =>
      `${literal(short(title))}<br>${available.toLocaleString()} of ${stock.toLocaleString()} left`,
  );
  const bar = (name) => ({
    type: "bar",
    orientation: "h",
    name,
    y: limited.map((edition) => edition.edition_id),
    x: limited.map((edition) => (100 * edition[name]) / edition.stock),
    marker: { color: theme[name], line: { color: theme.surface, width: 1.5 } },
    customdata: limited.map((edition) => [literal(edition.title), edition[name], edition.stock]),
    hovertemplate: "%{customdata[0]}<br>%{customdata[1]:,} of %{customdata[2]:,} " + name + "<extra></extra>",
  });
  grow("chart-stock", limited.length);
  draw(
    "chart-stock",
    limited
      .map((edition) => `${edition.title}: ${edition.available} available, ${edition.held} held, ${edition.sold} sold.`)
      .join(" "),
    ["sold", "held", "available"].map(bar),
    layout(theme, {
      barmode: "stack",
      bargap: barGap(limited.length),
      ...emptiness(theme, !limited.length, "Nothing limited is on sale"),
      xaxis: { showgrid: true, range: [0, 100], dtick: 25, ticksuffix: "%" },
      yaxis: {
        showgrid: false,
        type: "category",
        tickmode: "array",
        tickvals: limited.map((edition) => edition.edition_id),
        ticktext: labels,
        ticks: "outside",
        ticklen: 6,
        tickcolor: "rgba(0,0,0,0)",
      },
    }),
  );
}

function drawRevenue({ per_minute: minutes, totals, as_of_ms: asOf }, merchantCurrency, theme) {
  const currencies = Object.keys(totals.revenue_minor).sort();
  if (!currencies.includes(chosenCurrency))
    chosenCurrency = currencies.includes(merchantCurrency) || !currencies.length ? merchantCurrency : currencies[0];
  drawSwitch(currencies);
  const unit = 10 ** minorDigits(chosenCurrency);
  const amounts = minutes.map((minute) => minute.revenue_minor[chosenCurrency] ?? 0);
  const isEmpty = amounts.every((minor) => minor === 0);
  draw(
    "chart-revenue",
    `Last minute: ${money(amounts.at(-1) ?? 0, chosenCurrency)}.`,
    [
      {
        type: "bar",
        x: minutes.map((minute) => new Date(minute.at_ms)),
        y: amounts.map((minor) => minor / unit),
        width: 42_000,
        marker: { color: theme.sales },
        customdata: amounts.map((minor) => money(minor, chosenCurrency)),
        hovertemplate: "%{x|%H:%M}  %{customdata}<extra></extra>",
      },
    ],
    layout(theme, {
      xaxis: {
        type: "date",
        tickformat: "%H:%M",
        nticks: 5,
        range: [new Date(asOf - 3_600_000), new Date(asOf + 30_000)],
      },
      yaxis: {
        rangemode: "tozero",
        nticks: 5,
        tickformat: Math.max(...amounts) >= 10_000 * unit ? "~s" : ",",
        visible: !isEmpty,
      },
      ...emptiness(theme, isEmpty, "No sales in the last hour"),
    }),
  );
}

function drawSwitch(currencies) {
  const group = document.getElementById("currencies");
  const key = `${currencies}/${chosenCurrency}`;
  if (group.dataset.key === key) return;
  group.dataset.key = key;
  const choices = currencies.length ? currencies : [chosenCurrency];
  group.replaceChildren(
    ...choices.map((currency) =>
      h(
        "button",
        {
          type: "button",
          "aria-pressed": String(currency === chosenCurrency),
          onclick: () => {
            chosenCurrency = currency;
            redraw();
          },
        },
        currency,
      ),
    ),
  );
}

function drawRefusals(refusals, theme) {
  const reasons = Object.entries(refusals)
    .filter(([, number]) => number > 0)
    .sort(([, a], [, b]) => a - b);
  const names = reasons.map(([reason]) => reason.replaceAll("_", " "));
  draw(
    "chart-refusals",
    reasons.length
      ? reasons.map(([, number], index) => `${names[index]}: ${number}.`).join(" ")
      : "Nobody was refused.",
    [
      {
        type: "bar",
        orientation: "h",
        y: names,
        x: reasons.map(([, number]) => number),
        marker: { color: theme.refusals },
        text: reasons.map(([, number]) => number.toLocaleString()),
        textposition: "outside",
        cliponaxis: false,
        textfont: { color: theme.ink },
        hoverinfo: "skip",
      },
    ],
    layout(theme, {
      bargap: barGap(reasons.length),
      margin: { l: 8, r: 44, t: 8, b: 8 },
      xaxis: { visible: false, rangemode: "tozero" },
      yaxis: {
        visible: reasons.length > 0,
        showgrid: false,
        type: "category",
        ticks: "outside",
        ticklen: 6,
        tickcolor: "rgba(0,0,0,0)",
      },
      ...emptiness(theme, !reasons.length, "Nobody was refused"),
    }),
  );
}
