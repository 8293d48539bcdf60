// The component's own style sheet (constructed, so a host's Content-Security-Policy doesn't need inline styles).
// Hosts theme it by custom properties (--buystream-accent, --buystream-on-accent, --buystream-radius,
// --buystream-font) and ::part().
// It follows the host page's color-scheme, not the system's alone: a light-only page keeps a light button.

const CSS = `
:host {
  --accent: var(--buystream-accent, #2a3cdb);
  --on-accent: var(--buystream-on-accent, #ffffff);
  --surface: #ffffff; --ink: #15161d; --soft: #565968; --line: #dcdde4; --fill: #f3f4f7; --low: #a83f0b;
  --bad: #b3182b; --bad-fill: #fdecee; --good: #0b7a4b;
  --radius: var(--buystream-radius, 14px);
  display: block; max-width: 460px; color: inherit;
  font: 400 1rem/1.45 var(
    --buystream-font, ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif
  );
}
@supports (color: light-dark(#000, #fff)) {
  :host {
    --accent: var(--buystream-accent, light-dark(#2a3cdb, #aab6ff));
    --on-accent: var(--buystream-on-accent, light-dark(#ffffff, #0d1240));
    --surface: light-dark(#ffffff, #1a1c24); --ink: light-dark(#15161d, #f1f2f6); --soft: light-dark(#565968, #a9acbb);
    --line: light-dark(#dcdde4, #353845); --fill: light-dark(#f3f4f7, #252834); --low: light-dark(#a83f0b, #ffb184);
    --bad: light-dark(#b3182b, #ff9aa6); --bad-fill: light-dark(#fdecee, #3a1a20); --good: light-dark(#0b7a4b, #58d6a0);
  }
}
:host([hidden]), [hidden] { display: none !important; }
*, *::before, *::after { box-sizing: border-box; }
button, input, textarea { font: inherit; color: inherit; }
button { cursor: pointer; -webkit-tap-highlight-color: transparent; touch-action: manipulation; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.visually-hidden {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
.icon { width: 1.15em; height: 1.15em; flex: none; }
.icon.large { width: 44px; height: 44px; color: var(--soft); stroke-width: 1.6; }

.widget { display: grid; gap: 10px; color: var(--ink); }
.facts { display: flex; align-items: baseline; justify-content: space-between; gap: 12px; min-height: 1.6em; }
.price { font-size: 1.25rem; font-weight: 700; letter-spacing: -0.015em; font-variant-numeric: tabular-nums; }
.stock { font-size: .875rem; color: var(--soft); font-variant-numeric: tabular-nums; text-align: right; }
.stock.is-low { color: var(--low); font-weight: 600; }
.bar {
  appearance: none; display: block; width: 100%; height: 4px; border: 0; border-radius: 4px; overflow: hidden;
  background: var(--line);
}
.bar::-webkit-progress-bar { background: var(--line); }
.bar::-webkit-progress-value { background: var(--accent); border-radius: 4px; transition: inline-size .5s ease; }
.bar::-moz-progress-bar { background: var(--accent); border-radius: 4px; }
.bar.is-low::-webkit-progress-value { background: var(--low); }
.bar.is-low::-moz-progress-bar { background: var(--low); }
.bar.is-progress { height: 8px; }
.row { display: flex; gap: 10px; }
.stepper {
  display: flex; align-items: center; flex: none; border: 1px solid var(--line); border-radius: var(--radius);
  overflow: clip;
}
.variant {
  width: 100%; min-height: 44px; margin-bottom: 10px; padding: 8px 12px; border: 1px solid var(--line);
  border-radius: var(--radius); background: none; color: inherit; font: inherit;
}
.variant[hidden] { display: none; }
.other-lines[hidden] { display: none; }
.lines { display: grid; gap: 8px; }
.line { display: flex; gap: 8px; align-items: center; }
.line .variant { flex: 1; min-width: 0; margin: 0; }
.summary-lines { display: grid; gap: 4px; }
.summary-lines .summary { margin: 0; }
.step { width: 44px; height: 48px; border: 0; background: none; font-size: 1.3rem; line-height: 1; }
.step:hover:enabled { background: var(--fill); }
.step:focus-visible { outline-offset: -3px; border-radius: var(--radius); }
.step:disabled { color: var(--soft); opacity: .5; cursor: default; }
.count { min-width: 1.4em; text-align: center; font-weight: 600; font-variant-numeric: tabular-nums; }

.primary {
  display: flex; align-items: center; justify-content: center; gap: 8px; width: 100%; min-height: 50px;
  padding: 12px 18px; border: 0; border-radius: var(--radius);
  background: var(--accent); color: var(--on-accent); font-weight: 650; text-align: center; text-decoration: none;
  font-variant-numeric: tabular-nums;
  transition: transform .12s ease, filter .15s ease;
}
.primary:hover:enabled { filter: brightness(1.08); }
.primary:active:enabled { transform: scale(.985); }
.primary:disabled { background: var(--fill); color: var(--soft); cursor: default; }
.quiet {
  display: inline-grid; place-items: center; width: 100%; min-height: 44px; padding: 8px; border: 0; background: none;
  color: var(--soft); font-size: .9375rem; text-align: center; text-decoration: none; border-radius: var(--radius);
}
.quiet:hover { color: var(--ink); text-decoration: underline; }
.links { display: flex; }

.sheet {
  position: fixed; inset: auto 0 0 0; width: 100%; max-width: 480px; max-height: 92vh; max-height: 92dvh;
  margin: 0 auto; padding: 0; border: 0; overflow: auto; overscroll-behavior: contain; scroll-padding-bottom: 84px;
  border-radius: 24px 24px 0 0; background: var(--surface); color: var(--ink);
  box-shadow: 0 -8px 48px rgb(10 12 30 / .28); text-align: left;
}
.sheet[open] { animation: rise .32s cubic-bezier(.2, .9, .25, 1); }
.sheet::backdrop { background: rgb(12 13 24 / .5); animation: fade .25s ease; }
.sheet-frame { padding: 0 20px max(20px, env(safe-area-inset-bottom)); }
.sheet-head {
  position: sticky; top: 0; z-index: 1; display: flex; align-items: center; gap: 10px; margin: 0 -20px;
  padding: 14px 12px 10px 20px; background: var(--surface);
}
.sheet-title {
  flex: 1; margin: 0; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
  color: var(--soft); font-size: .9375rem;
}
.timer {
  display: inline-flex; align-items: center; gap: 5px; padding: 4px 10px; border-radius: 99px;
  background: var(--fill); font-size: .875rem; font-weight: 600; font-variant-numeric: tabular-nums;
}
.timer.is-short { background: var(--bad-fill); color: var(--bad); }
.icon-button {
  display: grid; place-items: center; width: 44px; height: 44px; border: 0; border-radius: 50%; background: none;
  color: var(--soft);
}
.icon-button:hover { background: var(--fill); color: var(--ink); }
.sheet-body { display: grid; grid-template-columns: minmax(0, 1fr); gap: 14px; }
.sheet-body + .till { margin-top: 14px; }
.payment-place { position: relative; min-height: 150px; margin: -4px; }
.payment-place[aria-busy="true"]::before, .payment-place[aria-busy="true"]::after {
  content: ""; position: absolute; inset: 4px 4px auto; height: 48px; border-radius: 12px; background: var(--fill);
  animation: wait 1.2s ease-in-out infinite alternate;
}
.payment-place[aria-busy="true"]::after { top: 66px; }
.payment-place[aria-busy="true"] iframe { opacity: 0; }
.orders-frame { display: block; width: 100%; height: min(60vh, 560px); border: 0; background: transparent; }
.checkout {
  position: fixed; inset: 0; width: 100%; height: 100%; max-width: none; max-height: none; margin: 0; padding: 0;
  border: 0; background: transparent; overflow: hidden;
}
.checkout::backdrop { background: transparent; }
.checkout-frame { position: absolute; inset: 0; width: 100%; height: 100%; border: 0; background: transparent; }
.checkout-note { position: absolute; inset: 0; display: grid; place-items: center; background: rgb(12 13 24 / .5); }
.checkout-note:empty { display: none; }
.checkout-blocked {
  z-index: 1; display: grid; justify-items: center; gap: 14px; width: min(420px, 100% - 32px); padding: 24px;
  border-radius: 24px; background: var(--surface); color: var(--ink); text-align: center;
}
.payment-frame { display: block; width: 100%; height: 150px; border: 0; background: transparent; }
h2 { margin: 2px 0 0; font-size: 1.375rem; line-height: 1.2; letter-spacing: -0.02em; text-wrap: balance; }
h2:focus-visible { outline: none; }
h2.big { font-size: 1.75rem; }
p { margin: 0; }
.muted { color: var(--soft); text-wrap: pretty; }
.small { font-size: .875rem; }
.centre { display: grid; justify-items: center; gap: 12px; padding: 22px 8px 14px; text-align: center; }
.summary {
  display: flex; justify-content: space-between; align-items: baseline; padding: 12px 16px;
  border-radius: var(--radius); background: var(--fill); font-variant-numeric: tabular-nums;
}
.summary strong { font-size: 1.125rem; }
.summary .before { color: var(--soft); }
.code-form { display: flex; gap: 8px; align-items: flex-start; }
.code-form .field { flex: 1; }
.code-form .primary { width: auto; margin-top: 25px; }
.promise {
  padding: 12px 16px; border-radius: var(--radius); background: color-mix(in srgb, var(--accent) 10%, transparent);
  font-size: .9375rem; text-wrap: pretty;
}
.about { display: grid; gap: 6px; font-size: .9375rem; overflow-wrap: anywhere; }
.about summary { min-height: 44px; padding: 10px 0; cursor: pointer; }
.about-story { white-space: pre-line; color: var(--soft); }
.how-often:empty { display: none; }
.often, .amounts { -webkit-tap-highlight-color: transparent; user-select: none; }
.often {
  display: grid; grid-auto-flow: column; grid-auto-columns: 1fr; gap: 0; padding: 4px; border-radius: var(--radius);
  background: var(--fill);
}
.often input { position: absolute; opacity: 0; }
.often span {
  display: grid; place-items: center; min-height: 40px; border-radius: calc(var(--radius) - 4px); font-weight: 620;
  cursor: pointer;
}
.often input:checked + span { background: var(--surface); box-shadow: 0 1px 4px rgb(0 0 0 / .15); }
.often input:focus-visible + span { outline: 3px solid var(--accent); }
.delivery { display: grid; gap: 1px; padding: 0 2px; white-space: pre-line; }
.banner {
  padding: 12px 14px; border-radius: var(--radius); background: var(--bad-fill); color: var(--bad);
  font-size: .9375rem;
}
.reference { font-size: .875rem; color: var(--soft); }
code {
  font: 600 .9375rem ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; color: var(--ink);
  letter-spacing: .04em;
}

form { display: grid; gap: 18px; }
/* Twice: a shadow's corners are round, and what scrolls past would show in them. */
form > .primary {
  position: sticky; bottom: 12px;
  box-shadow: 0 -6px 0 12px var(--surface), 0 12px 0 12px var(--surface);
}
fieldset { display: grid; gap: 12px; margin: 0; padding: 0; border: 0; min-width: 0; }
legend { padding: 0 0 10px; font-weight: 650; }
.field { display: grid; gap: 5px; min-width: 0; }
.field label { font-size: .875rem; color: var(--soft); }
.address, .address-fields { display: grid; gap: 12px; }
.delivery-option { padding: 5px 0; }
.delivery-option span:first-of-type { flex: 1; }
.delivery-price { white-space: nowrap; font-variant-numeric: tabular-nums; }
.field input, .field select, .field textarea {
  width: 100%; min-height: 48px; padding: 11px 14px;
  border: 1px solid color-mix(in srgb, var(--soft) 70%, var(--line)); border-radius: 12px; background: var(--surface);
  font-size: 1rem;
}
.field textarea { resize: vertical; }
.field ::placeholder { color: var(--soft); opacity: .8; }
.field :is(input, select, textarea):focus { outline: 3px solid var(--accent); outline-offset: -1px; }
.field [aria-invalid] { border-color: var(--bad); }
.error { color: var(--bad); font-size: .875rem; }
.error:empty { display: none; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; align-items: start; }
.test-cards summary {
  min-height: 44px; padding: 11px 0; color: var(--soft); font-size: .875rem; cursor: pointer;
  touch-action: manipulation;
}
.chips { display: flex; flex-wrap: wrap; gap: 8px; padding-bottom: 4px; }
.chip {
  min-height: 36px; padding: 6px 13px; border: 1px solid var(--line); border-radius: 99px; background: none;
  font-size: .875rem;
}
.chip:hover { background: var(--fill); }
.choice { display: flex; gap: 12px; align-items: flex-start; cursor: pointer; }
.choice input { flex: none; width: 22px; height: 22px; margin: 1px 0 0; accent-color: var(--accent); }
.choice small { display: block; color: var(--soft); font-size: .875rem; }
.amounts { display: grid; grid-template-columns: repeat(3, 1fr); gap: 10px; }
.amount input { position: absolute; opacity: 0; }
.amount span {
  display: grid; place-items: center; min-height: 58px; border: 1.5px solid var(--line); border-radius: var(--radius);
  font-size: 1.125rem; font-weight: 650; cursor: pointer;
}
.amount input:checked + span {
  border-color: var(--accent); background: color-mix(in srgb, var(--accent) 12%, transparent);
}
.amount input:focus-visible + span { outline: 3px solid var(--accent); outline-offset: 2px; }
.own { grid-column: 1 / -1; }

.spinner {
  width: 44px; height: 44px; border-radius: 50%; border: 4px solid var(--line); border-top-color: var(--accent);
  animation: turn .9s linear infinite;
}
.success {
  position: relative; display: grid; place-items: center; width: 84px; height: 84px; border-radius: 50%;
  background: var(--good); color: var(--surface); animation: pop .5s cubic-bezier(.2, 1.6, .4, 1);
}
.success::after {
  content: ""; position: absolute; inset: 0; border-radius: 50%; border: 3px solid var(--good);
  animation: ring .9s .15s ease-out both;
}
.success .icon { width: 46px; height: 46px; stroke-width: 2.6; }
.success path { stroke-dasharray: 1; animation: draw .45s .22s ease-out both; }
@keyframes rise { from { transform: translateY(60%); opacity: 0; } }
@keyframes wait { to { opacity: .5; } }
@keyframes fade { from { opacity: 0; } }
@keyframes turn { to { transform: rotate(1turn); } }
@keyframes pop { from { transform: scale(.4); opacity: 0; } }
@keyframes ring { from { opacity: .8; } to { transform: scale(1.7); opacity: 0; } }
@keyframes draw { from { stroke-dashoffset: 1; } to { stroke-dashoffset: 0; } }
@media (min-width: 640px) { .sheet { inset: 0; margin: auto; height: fit-content; border-radius: 24px; } }
@media (prefers-reduced-motion: reduce) {
  *, *::before, *::after, .sheet::backdrop {
    animation-duration: .01ms !important; animation-delay: 0s !important; transition: none !important;
  }
  .spinner { animation: turn 4s linear infinite !important; }
}
@media (forced-colors: active) {
  .primary, .amount span { border: 1px solid; } .amount input:checked + span { outline: 2px solid; };
}
`;

let shared = null;

export function styleSheet() {
  if (!shared) {
    shared = new CSSStyleSheet();
    shared.replaceSync(CSS);
  }
  return shared;
}
