import { parseKeyFile, printKeyFile } from './key-file';

const [a, b, c] = ['a1', 'b2', 'c3'].map((byte) => byte.repeat(32)) as [string, string, string];

describe('key files', () => {
  it.each([
    [`${a}\n`, [a]],
    [`${a}\n${b}\n`, [a, b]],
    [printKeyFile([b, a]), [b, a]],
  ])('reads %j', (text, keys) => expect(parseKeyFile(text)).toEqual(keys));

  it.each(['', 'short', `${a}${a}${a}`, `${a}\n${b}\n${c}\n`, `${a}\n${a}\n`, `${a}\nnot hex`, a.slice(1)])(
    'refuses %j',
    (text) => expect(parseKeyFile(text)).toBeNull(),
  );
});
