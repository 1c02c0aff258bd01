import fc from 'fast-check';
import { parseInTurns } from './parse-in-turns';

const LISTS = ['campaigns', 'creatives'];
const key = fc.oneof(
  fc.constantFrom(...LISTS, '__proto__', 'a"b', 'c\\'),
  fc.string({ unit: 'grapheme', maxLength: 5 }),
);
const members = fc.array(fc.tuple(key, fc.jsonValue({ maxDepth: 3 })), { maxLength: 6 });

/** What a parser makes of a text: the value, or that it is none. */
async function outcome(parse: () => unknown): Promise<unknown> {
  try {
    return { value: await parse() };
  } catch (error) {
    return (error as Error).name;
  }
}

describe('parseInTurns', () => {
  it('says what the parser says, of members that are there twice and blanks anywhere as well', async () => {
    await fc.assert(
      fc.asyncProperty(members, fc.constantFrom('', ' ', '\n\t', '\r\n  '), async (made, blank) => {
        const written = made.map(([name, value]) => {
          const text = JSON.stringify(value, null, blank.length);
          return `${blank}${JSON.stringify(name)}${blank}:${blank}${text}${blank}`;
        });
        const text = `${blank}{${written.join(',')}}${blank}`;
        expect(await parseInTurns(text, LISTS)).toEqual(JSON.parse(text));
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
        expect(await outcome(() => parseInTurns(text, LISTS))).toEqual(await outcome(() => JSON.parse(text)));
      }),
      { numRuns: 500 },
    );
  });

  it.each(['', 'null', '[]', '{}', '{"campaigns":[]}', '{"campaigns":[1,]}', '{"campaigns":[1}', '{"a":1}x', '{"a'])(
    'reads %j as the parser does',
    async (text) => {
      expect(await outcome(() => parseInTurns(text, LISTS))).toEqual(await outcome(() => JSON.parse(text)));
    },
  );

  it('lets others have their turn between stretches of a long list', async () => {
    const text = JSON.stringify({
      campaigns: Array.from({ length: 4000 }, (_, at) => ({ at, text: 'x'.repeat(300) })),
    });
    let turns = 0;
    let isOver = false;
    const count = (): void => {
      turns += 1;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    expect(await parseInTurns(text, LISTS)).toEqual(JSON.parse(text));
    isOver = true;
    expect(turns).toBeGreaterThan(3);
  });
});
