import { html, scrollingTable, type Markup } from '#domain/markup';

/** A short value, or a text that may wrap. */
export type Cell = string | { text: string };

/** A table of the report: short values stay on one line. */
export function table(caption: string, head: readonly string[], rows: readonly (readonly Cell[])[]): Markup {
  const cell = (of: Cell) =>
    typeof of === 'string' ? html`<td class="tight">${of}</td>` : html`<td class="text">${of.text}</td>`;
  return scrollingTable(
    caption,
    head,
    rows.map(
      (row) =>
        html`<tr>
          ${row.map(cell)}
        </tr>`,
    ),
  );
}
