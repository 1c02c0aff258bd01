import fc from 'fast-check';
import { turnsDuring } from '../../../../test/fixtures/turns';
import { parseInTurns } from './parse-in-turns';

const LISTS = ['campaigns', 'creatives'];
const name = fc.oneof(
  fc.constantFrom(...LISTS, '__proto__', 'a"b', 'c\\'),
  fc.string({ unit: 'grapheme', maxLength: 5 }),
);
const value = fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 5 }));
const members = fc.uniqueArray(fc.tuple(name, value), { maxLength: 6, selector: ([one]) => one });

/** What is parsed, with the lists put back to where they were taken from. */
async function parsed(text: string): Promise<unknown> {
  const lists: Record<string, unknown[]> = {};
  const takers = Object.fromEntries(
    LISTS.map((list) => [list, (items: unknown[]): void => void (lists[list] ??= []).push(...items)]),
  );
  const said = await parseInTurns(text, takers);
  return Object.keys(lists).length === 0 ? said : Object.assign(said as object, lists);
}

/** What a parser makes of a text: the value, or that it is none. */
async function outcome(parse: () => unknown): Promise<unknown> {
  try {
    return { value: await parse() };
  } catch (error) {
    return (error as Error).name;
  }
}

describe('parseInTurns', () => {
  it('says what the parser says, with blanks anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(members, fc.constantFrom('', ' ', '\n\t', '\r\n  '), async (made, blank) => {
        const written = made.map(([called, one]) => {
          const text = JSON.stringify(one, null, blank.length);
          return `${blank}${JSON.stringify(called)}${blank}:${blank}${text}${blank}`;
        });
        const text = `${blank}{${written.join(',')}}${blank}`;
        expect(await parsed(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('takes nothing for JSON that is none', async () => {
    const places = fc.record({
      at: fc.nat(),
      by: fc.constantFrom('', '"', '\\', ',', '{', '}', '[', ']', ':', '0', ' '),
    });
    await fc.assert(
      fc.asyncProperty(members, places, async (made, { at, by }) => {
        const whole = JSON.stringify(Object.fromEntries(made));
        const place = at % whole.length;
        const text = whole.slice(0, place) + by + whole.slice(place + 1);
        expect(await outcome(() => parsed(text))).toEqual(await outcome(() => JSON.parse(text)));
      }),
      { numRuns: 500 },
    );
  });

  it.each(['', 'null', '[]', '{}', '{"campaigns":[]}', '{"campaigns":[1,]}', '{"campaigns":[1}', '{"a":1}x', '{"a'])(
    'reads %j as the parser does',
    async (text) => {
      expect(await outcome(() => parsed(text))).toEqual(await outcome(() => JSON.parse(text)));
    },
  );

  it.each([
    '{"campaigns":[1],"campaigns":[2]}',
    '{"campaigns":[1],"campaign\\u0073":[2]}',
    '{"campaigns":[],"campaigns":7}',
  ])('refuses a list that is there twice: %s', async (text) => {
    await expect(parsed(text)).rejects.toThrow('campaigns is there twice');
  });

  it('lets others have their turn between stretches of a long list', async () => {
    const text = JSON.stringify({
      campaigns: Array.from({ length: 4000 }, (_, at) => ({ at, text: 'x'.repeat(300) })),
    });
    let made: unknown;
    const turns = await turnsDuring(async () => (made = await parsed(text)));
    expect(made).toEqual(JSON.parse(text));
    expect(turns).toBeGreaterThan(10);
  });
});
