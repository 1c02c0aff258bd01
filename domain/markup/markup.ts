/** Text that is HTML already. Everything else is escaped when it enters a template. */
export class Markup {
  constructor(readonly text: string) {}
}

type Part = Markup | readonly Part[] | string | number | null;

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

const escape = (text: string): string => text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '');

function render(part: Part): string {
  if (part === null) return '';
  if (part instanceof Markup) return part.text;
  if (typeof part === 'object') return part.map(render).join('');
  return escape(String(part));
}

/** Template tag: html`<p>${anything}</p>` with every value escaped, lists joined, null left out. */
export function html(strings: TemplateStringsArray, ...parts: Part[]): Markup {
  return new Markup(strings.map((text, at) => text + (at < parts.length ? render(parts[at] ?? null) : '')).join(''));
}
