/** Okabe-Ito colours; text contrast >= 4.5 in both schemes. Nothing is loaded from anywhere. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --back: #fff; --text: #1b1b1b; --soft: #595959; --line: #c9c9c9; --good: #00624a; --bad: #a33c00; --card: #f5f5f5; --link: #00548a; }
@media (prefers-color-scheme: dark) {
  :root { --back: #121212; --text: #ececec; --soft: #b0b0b0; --line: #444; --good: #4fd0a5; --bad: #f0955a; --card: #1e1e1e; --link: #8cc8f0; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 80rem; padding: 1rem; background: var(--back); color: var(--text); font: 1rem/1.45 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
p { margin: .25rem 0; max-width: 80ch; overflow-wrap: anywhere; }
a { color: var(--link); }
nav a { display: inline-block; padding: .35rem .8rem .35rem 0; }
.soft, caption { color: var(--soft); }
.good { color: var(--good); font-weight: 600; }
.bad { color: var(--bad); font-weight: 600; }
.alarm { border: 2px solid var(--bad); border-radius: .4rem; padding: .5rem .75rem; margin: .5rem 0; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .5rem; margin: 0; }
dl div { background: var(--card); border: 1px solid var(--line); border-radius: .4rem; padding: .5rem .75rem; }
dt { color: var(--soft); font-size: .85rem; }
dd { margin: 0; font-size: 1.15rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-size: .85rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
td.words { white-space: normal; min-width: 13rem; max-width: 34rem; overflow-wrap: anywhere; }
th { white-space: normal; overflow-wrap: anywhere; min-width: 5.5rem; }
thead th { white-space: nowrap; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
`;
