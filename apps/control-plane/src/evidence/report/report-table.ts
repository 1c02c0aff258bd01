import { html, type Markup } from '../../page/markup';

/** A short value, or a text that may wrap. */
export type Cell = string | { text: string };

/** A table that scrolls by itself when the page is narrow; the region can be reached and scrolled by keyboard. */
export function table(caption: string, head: readonly string[], rows: readonly (readonly Cell[])[]): Markup {
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0">
    <table>
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${head.map((name) => html`<th scope="col">${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              ${row.map((cell) => (typeof cell === 'string' ? html`<td class="tight">${cell}</td>` : html`<td class="text">${cell.text}</td>`))}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
