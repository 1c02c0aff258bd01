import { html, type Markup } from './markup';

/** A table that scrolls by itself when the page is narrow; the region can be reached and scrolled by keyboard. `rows` are `<tr>`s. */
export function scrollingTable(caption: string, head: readonly string[], rows: readonly Markup[]): Markup {
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
        ${rows}
      </tbody>
    </table>
  </div>`;
}
