import { GppModel } from '@iabgpp/cmpapi';
import fc from 'fast-check';
import { gppSections } from './gpp-string';
import { readUsSection } from './us-section';

/** A string as IAB's own library writes it. */
function gpp(fields: Record<string, Record<string, unknown>>): string {
  const model = new GppModel();
  for (const [section, values] of Object.entries(fields)) {
    for (const [name, value] of Object.entries(values)) model.setFieldValue(section, name, value);
  }
  return model.encode();
}

const STATES = { usnat: 7, usca: 8, usva: 9, usco: 10, usut: 11, usct: 12, usfl: 13, ustx: 16, usnj: 21, usmd: 24 };

describe('a GPP string', () => {
  it('has the sections that the library wrote, whatever they are', () => {
    const names = fc.uniqueArray(fc.constantFrom(...Object.keys(STATES)), { minLength: 1 });
    fc.assert(
      fc.property(names, (chosen) => {
        const text = gpp(Object.fromEntries(chosen.map((name) => [name, { SaleOptOut: 2 }])));
        const sections = gppSections(text);
        expect([...(sections?.keys() ?? [])]).toEqual(new GppModel(text).getSectionIds());
        expect([...(sections?.values() ?? [])].join('~')).toBe(text.split('~').slice(1).join('~'));
      }),
    );
  });

  it.each([
    ['no text', ''],
    ['no base64url', '%%%~1YNN'],
    ['a TC string', 'COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA'],
    ['a header that ends early', 'DB~1YNN'],
    ['fewer sections than its header names', 'DBACNYA~1YNN'],
    ['a range of ten million ids in its header', 'DBABskCFJQYA~BAAA'],
    ['more characters than any law asks for', `DBABTA~${'A'.repeat(9000)}`],
  ])('is not %s', (_what, text) => expect(gppSections(text)).toBeNull());

  it('is read or refused in no time, whatever is sent', () => {
    const text = fc.string({ unit: fc.constantFrom(...'ABDIQYZaz019-_~'), maxLength: 60 });
    fc.assert(
      fc.property(text, (sent) => {
        for (const [id, section] of gppSections(sent) ?? []) readUsSection(id, section);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a US section', () => {
  const signal = (name: keyof typeof STATES, fields: Record<string, unknown>) =>
    readUsSection(STATES[name], gppSections(gpp({ [name]: fields }))?.get(STATES[name]) ?? '');

  it.each([
    ['usnat', { SaleOptOut: 2, SharingOptOut: 2, TargetedAdvertisingOptOut: 2 }, 'allowed'],
    ['usnat', { SaleOptOut: 1 }, 'opted-out'],
    ['usnat', { TargetedAdvertisingOptOut: 1 }, 'opted-out'],
    ['usnat', { Gpc: true }, 'opted-out'],
    ['usca', { SharingOptOut: 1 }, 'opted-out'],
    ['usca', { KnownChildSensitiveDataConsents: [0, 1] }, 'child'],
    ['usva', { KnownChildSensitiveDataConsents: 2 }, 'child'],
    ['usva', { SaleOptOut: 2 }, 'allowed'],
    ['usco', { Gpc: true }, 'opted-out'],
    ['usmd', { TargetedAdvertisingOptOut: 2 }, 'allowed'],
  ] as const)('%s with %j says %s', (name, fields, expected) => expect(signal(name, fields)).toBe(expected));

  it.each([
    ['of a law that is not known', 60, 'BAAA'],
    ['that cannot be read', 7, '!!!!'],
    ['longer than its law', 7, 'B'.repeat(300)],
  ])('%s is unclear', (_what, id, text) => expect(readUsSection(id, text)).toBe('unclear'));
});
