/** Okabe-Ito blue and green; text contrast >= 4.5 in both schemes. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --back: #fff; --text: #1b1b1b; --soft: #595959; --line: #c9c9c9; --live: #00624a; --card: #f5f5f5; --link: #00548a; }
@media (prefers-color-scheme: dark) {
  :root { --back: #121212; --text: #ececec; --soft: #b0b0b0; --line: #444; --live: #4fd0a5; --card: #1e1e1e; --link: #8cc8f0; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 80rem; padding: 1rem; background: var(--back); color: var(--text); font: 1rem/1.45 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; }
h2 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
p { margin: .25rem 0; overflow-wrap: anywhere; }
a { color: var(--link); }
.note, #freshness, header p, small, caption { color: var(--soft); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .5rem; margin: 0; }
.figures div, .loop li { background: var(--card); border: 1px solid var(--line); border-radius: .4rem; padding: .5rem .75rem; }
dt { color: var(--soft); font-size: .85rem; }
dd { margin: 0; font-size: 1.3rem; font-variant-numeric: tabular-nums; }
.loop { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .5rem; list-style: none; padding: 0; margin: 0; }
.loop li { display: flex; flex-direction: column; border-left-width: .35rem; overflow-wrap: anywhere; }
.loop .live { border-left-color: var(--live); }
.loop .live span { color: var(--live); font-weight: 600; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-size: .85rem; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
.stale, .stale dt { color: var(--soft); }
.stale dd { text-decoration: underline dotted; }
main.stale { filter: grayscale(1); opacity: .75; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
`;

/** Replaces the parts that changed, never the one that holds the keyboard focus; greys the page when no answer comes. */
export const PAGE_SCRIPT = `
'use strict';
const EVERY_MS = 2000;
const main = document.getElementById('main');
const freshness = document.getElementById('freshness');
let lastAnswerMs = Date.now();
const say = (text) => { if (freshness.textContent !== text) freshness.textContent = text; };
async function refresh() {
  try {
    const response = await fetch('/page/status', { signal: AbortSignal.timeout(5000) });
    if (!response.ok) throw new Error('status ' + response.status);
    const { sections } = await response.json();
    for (const [id, html] of Object.entries(sections)) {
      const part = document.getElementById(id);
      if (part && part.innerHTML !== html && !part.contains(document.activeElement)) part.innerHTML = html;
    }
    lastAnswerMs = Date.now();
    main.classList.remove('stale');
    say('live, refreshed every 2 s');
  } catch (error) {
    main.classList.add('stale');
    say('the control plane does not answer (' + error.message + '); shown is its state at ' + new Date(lastAnswerMs).toISOString());
  }
  setTimeout(refresh, EVERY_MS);
}
setTimeout(refresh, EVERY_MS);
`;
