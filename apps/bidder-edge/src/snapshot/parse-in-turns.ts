import { setImmediate as turn } from 'node:timers/promises';

/** Characters of a list that are parsed, and taken, before requests have their turn: a hundred campaigns or creatives, some 4 ms. */
const TURN_CHARS = 64 << 10;

/** Takes the next items of a list; what it does not keep is gone. */
export type ItemTaker = (items: unknown[]) => void;

/**
 * As `JSON.parse`, but the items of long lists go to takers, a stretch at a time and with the loop's other work between: 57 MB in one go take half a second,
 * and hundreds of MB.
 * @param takers by the names of members of the outermost object; such a list is empty in what is returned
 * @throws SyntaxError where the text is no JSON, or has such a member twice
 */
export async function parseInTurns(text: string, takers: Readonly<Record<string, ItemTaker>>): Promise<unknown> {
  let at = skipBlanks(text, 0);
  if (text[at] !== '{') return JSON.parse(text) as unknown;
  const members: string[] = [];
  const taken: string[] = [];
  do {
    const from = skipBlanks(text, at + 1);
    // Nothing in it; what else has no name is for the parser to say.
    if (text[from] !== '"') return JSON.parse(text) as unknown;
    const nameEnd = endOfString(text, from);
    const name = text.slice(from + 1, nameEnd - 1);
    const colon = skipBlanks(text, nameEnd);
    const value = skipBlanks(text, colon + 1);
    const isTaken = text[colon] === ':' && text[value] === '[' && Object.hasOwn(takers, name);
    const end = isTaken ? await takeItems(text, value, takers[name]) : endOfValue(text, value);
    if (isTaken) taken.push(name);
    members.push(isTaken ? `${text.slice(from, value)}[]` : text.slice(from, end));
    at = skipBlanks(text, end);
  } while (text[at] === ',');
  const said = JSON.parse(`{${members.join(',')}${text.slice(at)}`) as Record<string, unknown>;
  for (const name of taken)
    if (taken.indexOf(name) !== taken.lastIndexOf(name) || !isEmptyList(said[name]))
      throw new SyntaxError(`member ${name} is there twice`);
  return said;
}

const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

/** Hands the items of the list that begins at `from` on; answers where it ends. */
async function takeItems(text: string, from: number, take: ItemTaker): Promise<number> {
  let at = skipBlanks(text, from + 1);
  if (text[at] === ']') return at + 1;
  let items: unknown[] = [];
  let turnEnds = at + TURN_CHARS;
  for (;;) {
    const end = endOfValue(text, at);
    items.push(JSON.parse(text.slice(at, end)));
    const next = skipBlanks(text, end);
    if (text[next] === ']' || next >= turnEnds) {
      take(items);
      items = [];
      await turn();
      turnEnds = next + TURN_CHARS;
    }
    if (text[next] === ']') return next + 1;
    if (text[next] !== ',') throw new SyntaxError(`no end of a list's item at character ${next}`);
    at = next + 1;
  }
}

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

function skipBlanks(text: string, from: number): number {
  let at = from;
  for (let code = text.charCodeAt(at); code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09; at += 1)
    code = text.charCodeAt(at + 1);
  return at;
}

/** After the closing quote of the string that begins at `from`; the end of the text without one. */
function endOfString(text: string, from: number): number {
  for (let quote = text.indexOf('"', from + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let first = quote;
    while (text.charCodeAt(first - 1) === BACKSLASH) first -= 1;
    if ((quote - first) % 2 === 0) return quote + 1;
  }
  return text.length;
}

/** After the value that begins at `from`, as far as brackets and quotes tell; what is in it is for the parser to judge. */
function endOfValue(text: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
      if (depth === 0) return at;
      continue;
    }
    if (depth === 0 && (code === COMMA || code === CLOSE_LIST || code === CLOSE_OBJECT)) return at;
    if (code === OPEN_LIST || code === OPEN_OBJECT) depth += 1;
    else if (code === CLOSE_LIST || code === CLOSE_OBJECT) {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
    at += 1;
  }
  return at;
}
