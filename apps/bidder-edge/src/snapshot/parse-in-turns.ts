import { setImmediate as turn } from 'node:timers/promises';

/** Characters of a list that are parsed before requests have their turn: some 2 ms. */
const TURN_CHARS = 256 << 10;

/**
 * What `JSON.parse` says of a text, with the loop's other work between stretches of its long lists: 57 MB in one go take half a second.
 * @param lists members of the outermost object that may be long lists
 * @throws SyntaxError where the text is no JSON
 */
export async function parseInTurns(text: string, lists: readonly string[]): Promise<unknown> {
  const said = await parseMembers(text, lists);
  // Nothing that could be taken apart: whatever it is, it is for the parser to say.
  return said === IRREGULAR ? (JSON.parse(text) as unknown) : said;
}

const IRREGULAR = Symbol('irregular');

async function parseMembers(text: string, lists: readonly string[]): Promise<unknown> {
  const rest: string[] = [];
  const parsed: Record<string, unknown> = {};
  let at = skipBlanks(text, 0);
  if (text[at] !== '{') return IRREGULAR;
  do {
    const from = skipBlanks(text, at + 1);
    if (text[from] !== '"') return IRREGULAR;
    const keyEnd = endOfString(text, from);
    const key = text.slice(from + 1, keyEnd - 1);
    const colon = skipBlanks(text, keyEnd);
    if (text[colon] !== ':') return IRREGULAR;
    const value = skipBlanks(text, colon + 1);
    let end: number;
    if (text[value] === '[' && lists.includes(key) && !Object.hasOwn(parsed, key)) {
      const items: unknown[] = [];
      end = await parseItems(text, value, items);
      parsed[key] = items;
    } else {
      end = endOfValue(text, value);
      rest.push(text.slice(from, end));
    }
    at = skipBlanks(text, end);
  } while (text[at] === ',');
  if (text[at] !== '}' || skipBlanks(text, at + 1) !== text.length) return IRREGULAR;
  const said = JSON.parse(`{${rest.join(',')}}`) as object;
  // Of a member that is there twice the last one counts.
  return Object.keys(parsed).some((key) => Object.hasOwn(said, key)) ? IRREGULAR : Object.assign(said, parsed);
}

/** Parses the items of the list that begins at `from` into `items`; answers where it ends. */
async function parseItems(text: string, from: number, items: unknown[]): Promise<number> {
  let at = skipBlanks(text, from + 1);
  if (text[at] === ']') return at + 1;
  let turnEnds = at + TURN_CHARS;
  for (;;) {
    const end = endOfValue(text, at);
    items.push(JSON.parse(text.slice(at, end)));
    const next = skipBlanks(text, end);
    if (text[next] === ']') return next + 1;
    if (text[next] !== ',') throw new SyntaxError(`no end of a list's item at character ${next}`);
    at = next + 1;
    if (at < turnEnds) continue;
    await turn();
    turnEnds = at + TURN_CHARS;
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
