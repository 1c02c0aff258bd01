const heading = (title: string): string => `## ${title}`;

/** The lines of one second-level section of a document, its heading included; empty when there is none. */
function sectionOf(lines: readonly string[], title: string): { at: number; length: number } {
  const at = lines.indexOf(heading(title));
  if (at < 0) return { at: lines.length, length: 0 };
  const next = lines.findIndex((line, n) => n > at && line.startsWith('## '));
  return { at, length: (next < 0 ? lines.length : next) - at };
}

/** The document with this section put in the place of the one of the same title, or at its end. */
export function withSection(document: string, title: string, body: readonly string[]): string {
  const lines = document.trimEnd().split('\n');
  const { at, length } = sectionOf(lines, title);
  const before = length === 0 ? [...lines, ''] : lines.slice(0, at);
  return [...before, heading(title), '', ...body, ...lines.slice(at + length)].join('\n').trimEnd() + '\n';
}

/** A new document that keeps this section of the old one. */
export function keepingSection(document: string, old: string, title: string): string {
  const lines = old.split('\n');
  const { at, length } = sectionOf(lines, title);
  return length === 0 ? document : withSection(document, title, lines.slice(at + 2, at + length));
}
