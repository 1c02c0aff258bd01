import { createHash } from 'node:crypto';
import { html, scrollingTable, type Markup } from '#domain/markup';
import { PAGE_STYLE } from './page-style';

/** What a page of the admin port may do: show itself, in its own style. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy': [
    "default-src 'none'",
    `style-src 'sha256-${createHash('sha256').update(PAGE_STYLE).digest('base64')}'`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** A whole page; `everySeconds` asks the browser to come again, null leaves it to the reader. */
export function page(title: string, everySeconds: number | null, body: Markup): string {
  const refresh = everySeconds === null ? null : html`<meta http-equiv="refresh" content="${everySeconds}" />`;
  const head = html`<meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    ${refresh}
    <title>${title}</title>`;
  // The style's bytes are under the policy's hash: they must not be touched by a template or a formatter.
  return `<!doctype html>\n<html lang="en">\n<head>${head.text}<style>${PAGE_STYLE}</style></head>\n<body>${body.text}</body>\n</html>\n`;
}

type Cell = Markup | string | number;

/** A table whose first column names the row; long texts wrap. Says `none` in words when it is empty. */
export function table(
  caption: string,
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  none: string,
): Markup {
  if (rows.length === 0) return html`<p class="soft">${none}</p>`;
  return scrollingTable(
    caption,
    head,
    rows.map(
      ([first, ...rest]) =>
        html`<tr>
          <th scope="row">${first ?? ''}</th>
          ${rest.map((cell) => (isLong(cell) ? html`<td class="words">${cell}</td>` : html`<td>${cell}</td>`))}
        </tr>`,
    ),
  );
}

/** From this length on a cell's text may wrap. */
const LONG_CHARS = 32;
const isLong = (cell: Cell): boolean => typeof cell === 'string' && cell.length > LONG_CHARS;

export function figures(rows: readonly (readonly [string, Cell])[]): Markup {
  return html`<dl>
    ${rows.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

export function section(id: string, title: string, content: Markup): Markup {
  return html`<section aria-labelledby="${id}">
    <h2 id="${id}">${title}</h2>
    ${content}
  </section>`;
}

export const good = (text: string): Markup => html`<span class="good">● ${text}</span>`;
export const bad = (text: string): Markup => html`<span class="bad">▲ ${text}</span>`;

export const usd = (nanos: number): string => (nanos / 1e9).toFixed(4);
export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
export const utc = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').slice(0, 19);

/** Microseconds in the unit that fits. */
export const micros = (value: number): string => (value < 1000 ? `${value} µs` : `${(value / 1000).toFixed(1)} ms`);

export function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

export function bytes(value: number): string {
  if (value < 1 << 20) return `${(value / 1024).toFixed(1)} KiB`;
  return `${(value / (1 << 20)).toFixed(1)} MiB`;
}
