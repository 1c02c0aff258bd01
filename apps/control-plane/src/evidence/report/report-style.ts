/** Okabe-Ito colours; text contrast >= 4.5 in both schemes. The report carries its style within itself. */
export const REPORT_STYLE = `
:root { color-scheme: light dark; --back: #fff; --text: #1b1b1b; --soft: #595959; --line: #d0d0d0; --card: #f5f5f5;
  --canary: #00548a; --control: #666; --limit: #a33c00; --event: #7a3c6b; --good: #00624a; --bad: #a33c00; --wait: #6b5200; }
@media (prefers-color-scheme: dark) { :root { --back: #121212; --text: #ececec; --soft: #b0b0b0; --line: #3c3c3c; --card: #1e1e1e;
  --canary: #7cc4f0; --control: #a8a8a8; --limit: #f0955a; --event: #e0a6d0; --good: #4fd0a5; --bad: #f0955a; --wait: #e6c65c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 80rem; padding: 1rem; background: var(--back); color: var(--text); font: 1rem/1.45 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 1.75rem 0 .4rem; }
h3 { font-size: .95rem; margin: 0 0 .2rem; }
p { margin: .25rem 0; overflow-wrap: anywhere; max-width: 75ch; }
.soft, caption, footer { color: var(--soft); }
.badge { display: inline-block; border: 2px solid currentColor; border-radius: 1rem; padding: 0 .7rem; font-weight: 600; }
.badge.good { color: var(--good); } .badge.bad { color: var(--bad); } .badge.wait { color: var(--wait); }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .5rem; margin: .75rem 0; }
dl div, figure { background: var(--card); border: 1px solid var(--line); border-radius: .4rem; padding: .5rem .75rem; margin: 0; }
dt { color: var(--soft); font-size: .85rem; }
dd { margin: 0; font-size: 1.15rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
dd small { display: block; font-size: .8rem; color: var(--soft); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); gap: .75rem; }
figure { padding: .5rem; min-width: 0; }
figcaption { font-size: .85rem; color: var(--soft); }
svg { display: block; width: 100%; height: auto; }
.narrow { display: none; }
@media (max-width: 720px) { .wide { display: none; } .narrow { display: block; } }
.grid { stroke: var(--line); stroke-width: .6; } .axis { stroke: var(--soft); stroke-width: 1; }
.tick { fill: var(--soft); font: 11px system-ui, sans-serif; } .name { font: 11px system-ui, sans-serif; }
.line { fill: none; stroke-width: 1.8; } .dashed { stroke-dasharray: 5 4; stroke-width: 1.3; } .moment { stroke-width: .9; stroke-dasharray: 2 3; }
.band { opacity: .18; stroke: none; }
.line.canary, .moment.canary { stroke: var(--canary); } .band.canary, .dot.canary, .name.canary { fill: var(--canary); }
.line.control, .moment.control { stroke: var(--control); } .band.control, .dot.control, .name.control { fill: var(--control); }
.line.limit, .moment.limit { stroke: var(--limit); } .band.limit, .dot.limit, .name.limit { fill: var(--limit); }
.line.event, .moment.event { stroke: var(--event); } .band.event, .dot.event, .name.event { fill: var(--event); font-weight: 600; }
.line.soft, .moment.soft { stroke: var(--soft); } .band.soft, .dot.soft, .name.soft { fill: var(--soft); }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; padding: 0; margin: .3rem 0; font-size: .85rem; color: var(--soft); }
.legend b { font-weight: 600; } .legend .canary { color: var(--canary); } .legend .control { color: var(--control); }
.legend .limit { color: var(--limit); } .legend .event { color: var(--event); }
.scroll { overflow-x: auto; margin-top: .6rem; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-size: .85rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); }
td.text { min-width: 16rem; overflow-wrap: anywhere; } td.tight, th { white-space: nowrap; }
summary { cursor: pointer; font-weight: 600; padding: .4rem 0; }
:focus-visible { outline: 3px solid var(--canary); outline-offset: 2px; }
footer { margin-top: 2rem; font-size: .85rem; overflow-wrap: anywhere; }
@media print { body { max-width: none; } details > * { display: block; } }
`;
