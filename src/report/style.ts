import { Markup } from './html.ts'

/**
 * The look of the page. Colours of text have a contrast of at least 4.5 to 1 and colours of marks of at least 3 to 1 in
 * both schemes; viral and not viral also differ in lightness, for those who see no colours and for grey print.
 */
export const style = new Markup(`
:root {
  color-scheme: light dark;
  --paper: #ffffff; --card: #f6f7f9; --edge: #d5d9e0; --ink: #1b1f27; --soft: #525b6b; --link: #1d4f91;
  --viral: #b3261e; --others: #4c8ac0; --none: #868d99; --failed: #8a5a00;
  --s1: #2f6db5; --s2: #b3541e; --s3: #2c7d4f; --s4: #8a3ea8; --s5: #8a6d00; --s6: #b02a63;
  --warn: #7a4b00; --warnpaper: #fff4d6; --grid: #dfe3e9;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #13161b; --card: #1c2028; --edge: #363d49; --ink: #e8ebf0; --soft: #a9b2c0; --link: #8ab8f2;
    --viral: #ff7a66; --others: #5597d6; --none: #7b8594; --failed: #d9a13a;
    --s1: #6aa9ef; --s2: #f0935a; --s3: #5cc98b; --s4: #cf8fe8; --s5: #d8b93e; --s6: #f57ba8;
    --warn: #ffd98a; --warnpaper: #3a2f12; --grid: #2a303a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 24px 16px 48px; max-width: 1400px; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif;
}
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 40px 0 12px; padding-top: 12px; border-top: 1px solid var(--edge); }
h3 { font-size: 1rem; margin: 0 0 4px; }
p { margin: 0 0 8px; max-width: 80ch; }
.soft, figcaption { color: var(--soft); font-size: .875rem; }
.notice { border: 1px solid currentColor; border-left-width: 6px; border-radius: 6px; padding: 10px 14px; margin: 16px 0;
  background: var(--warnpaper); color: var(--warn); font-weight: 600; max-width: none; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 200px), 1fr)); gap: 12px; margin: 20px 0 12px; }
.tile { background: var(--card); border: 1px solid var(--edge); border-top: 5px solid var(--none); border-radius: 6px; padding: 10px 14px; }
.tile b { display: block; font-size: 1.75rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tile.viral { border-top-color: var(--viral); } .tile.others { border-top-color: var(--others); } .tile.failed { border-top-color: var(--failed); }
header p { max-width: none; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 16px; align-items: start; }
.charts.pair { grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); }
figure { margin: 0; padding: 14px; background: var(--card); border: 1px solid var(--edge); border-radius: 6px; min-width: 0; }
figure svg { display: block; width: 100%; max-width: 560px; height: auto; margin: 6px auto; }
svg text { fill: var(--soft); font-size: 12.5px; font-family: inherit; }
svg .middle, svg .middle text { text-anchor: middle; } svg .end, svg .end text { text-anchor: end; }
svg .title, svg .row { fill: var(--ink); }
svg line { stroke: var(--none); } svg .grid line { stroke: var(--grid); } svg .restart { stroke-dasharray: 3 3; }
svg .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.viral { fill: var(--viral); } .others { fill: var(--others); } .none { fill: var(--none); } .failed { fill: var(--failed); }
.span { fill: var(--s1); fill-opacity: .18; }
.s1 { fill: var(--s1); stroke: none; } .s2 { fill: var(--s2); } .s3 { fill: var(--s3); } .s4 { fill: var(--s4); } .s5 { fill: var(--s5); } .s6 { fill: var(--s6); }
.line.s1 { stroke: var(--s1); } .line.s2 { stroke: var(--s2); } .line.s3 { stroke: var(--s3); } .line.s4 { stroke: var(--s4); } .line.s5 { stroke: var(--s5); } .line.s6 { stroke: var(--s6); }
svg.share { display: block; width: 100%; height: 14px; border-radius: 3px; margin: 0; max-width: none; }
td svg.share { min-width: 90px; }
.share-row { margin: 8px 0 0; font-size: .875rem; max-width: none; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; list-style: none; margin: 6px 0; padding: 0; font-size: .875rem; }
.legend svg { width: 18px; height: 12px; display: inline-block; margin: 0 6px 0 0; vertical-align: -1px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 10px 5px 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--edge); }
th { font-weight: 600; } thead th { white-space: nowrap; color: var(--soft); }
.n { text-align: right; white-space: nowrap; width: 1%; padding-left: 10px; }
th[scope=row]:not(.path) { white-space: nowrap; }
td.path, td.wrap, th.path { overflow-wrap: anywhere; min-width: 12ch; }
code { font: .8125rem/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
details { margin-top: 6px; } summary { cursor: pointer; color: var(--link); font-size: .875rem; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 24px; align-items: start; }
.columns > * { min-width: 0; }
footer { margin-top: 40px; padding-top: 12px; border-top: 1px solid var(--edge); }
a, summary { color: var(--link); } :focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
@media (max-width: 520px) { figure svg text { font-size: 15px; } }
@media print {
  :root {
    color-scheme: light;
    --paper: #ffffff; --card: #ffffff; --edge: #b9bfc9; --ink: #000000; --soft: #3d4450; --link: #000000;
    --viral: #b3261e; --others: #4c8ac0; --none: #868d99; --failed: #8a5a00;
    --s1: #2f6db5; --s2: #b3541e; --s3: #2c7d4f; --s4: #8a3ea8; --s5: #8a6d00; --s6: #b02a63;
    --warn: #5c3800; --warnpaper: #ffffff; --grid: #dfe3e9;
  }
  @page { margin: 14mm; }
  body { padding: 0; font-size: 10pt; max-width: none; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  h1 { font-size: 18pt; } h2 { font-size: 13pt; margin-top: 18pt; break-after: avoid; }
  .tiles { grid-template-columns: repeat(4, 1fr); } .tile b { font-size: 16pt; }
  .charts, .charts.pair, .columns { grid-template-columns: 1fr 1fr; gap: 8pt; }
  figure, .tile, .notice, tr { break-inside: avoid; }
  details:not([open]) { display: none; }
  .scroll { overflow: visible; }
  table { font-size: 8pt; } code { font-size: 7pt; }
}
`)
