import { TCString } from '@iabtcf/core';
import fc from 'fast-check';
import { readTcfConsent } from './tcf-string';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Writes a core segment the way the specification lays it out. */
function tcString(over: {
  version?: number;
  purposes?: number[];
  vendors?: number[];
  ranges?: [number, number][];
  restrictions?: { purpose: number; kind: number; vendors: [number, number][] }[];
}): string {
  let bits = '';
  const write = (value: number, width: number): void => void (bits += value.toString(2).padStart(width, '0'));
  write(over.version ?? 2, 6);
  write(0, 36); // created
  write(0, 36); // last updated
  write(10, 12); // consent platform
  write(1, 12); // its version
  bits += '0'.repeat(6 + 12 + 12 + 6 + 1 + 1 + 12);
  for (let p = 1; p <= 24; p += 1) write(over.purposes?.includes(p) ? 1 : 0, 1);
  bits += '0'.repeat(24 + 1 + 12); // legitimate interests, purpose one, country
  const ranges = (list: [number, number][]): void => {
    write(list.length, 12);
    for (const [first, last] of list) {
      write(first === last ? 0 : 1, 1);
      write(first, 16);
      if (first !== last) write(last, 16);
    }
  };
  const highest = Math.max(0, ...(over.vendors ?? []), ...(over.ranges ?? []).flat());
  write(highest, 16);
  write(over.ranges ? 1 : 0, 1);
  if (over.ranges) ranges(over.ranges);
  else for (let v = 1; v <= highest; v += 1) write(over.vendors?.includes(v) ? 1 : 0, 1);
  write(0, 16);
  write(0, 1);
  write(over.restrictions?.length ?? 0, 12);
  for (const { purpose, kind, vendors } of over.restrictions ?? []) {
    write(purpose, 6);
    write(kind, 2);
    ranges(vendors);
  }
  bits = bits.padEnd(Math.ceil(bits.length / 6) * 6, '0');
  return (bits.match(/.{6}/g) ?? []).map((six) => ALPHABET[parseInt(six, 2)]).join('');
}

describe('readTcfConsent', () => {
  it('reads the example string of IAB’s own library: purposes 1 to 3, vendors 2, 6 and 8', () => {
    const text =
      'COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA.IFoEUQQgAIQwgIwQABAEAAAAOIAACAIAAAAQAIAgEAACEAAAAAgAQBAAAAAAAGBAAgAAAAAAAFAAECAAAgAAQARAEQAAAAAJAAIAAgAAAYQEAAAQmAgBC3ZAYzUw';
    expect([...(readTcfConsent(text, 2)?.purposes ?? [])]).toEqual([1, 2, 3]);
    expect([1, 2, 3, 6, 7, 8, 9].filter((vendor) => readTcfConsent(text, vendor)?.hasVendor)).toEqual([2, 6, 8]);
  });

  it('agrees with the writer on any consent', () => {
    const purposes = fc.uniqueArray(fc.integer({ min: 1, max: 24 }));
    const vendors = fc.uniqueArray(fc.integer({ min: 1, max: 60 }));
    fc.assert(
      fc.property(purposes, vendors, fc.integer({ min: 1, max: 70 }), fc.boolean(), (given, list, vendor, asRanges) => {
        const text = tcString(
          asRanges ? { purposes: given, ranges: list.map((v) => [v, v]) } : { purposes: given, vendors: list },
        );
        const read = readTcfConsent(text, vendor);
        expect(read?.hasVendor).toBe(list.includes(vendor));
        expect([...(read?.purposes ?? [])].sort()).toEqual([...given].sort());
      }),
    );
  });

  it('agrees with IAB’s own library on any consent and any restriction', () => {
    const vendor = fc.integer({ min: 1, max: 40 });
    const range = fc.tuple(vendor, vendor).map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b)]);
    const purposes = fc.uniqueArray(fc.integer({ min: 1, max: 11 }));
    const restriction = fc.record({
      purpose: fc.integer({ min: 1, max: 11 }),
      kind: fc.integer({ min: 0, max: 2 }),
      vendors: fc.array(range, { minLength: 1, maxLength: 3 }),
    });
    // One restriction a purpose: two of them for one vendor contradict each other.
    const restrictions = fc.uniqueArray(restriction, { selector: ({ purpose }) => purpose, maxLength: 4 });
    fc.assert(
      fc.property(purposes, fc.array(range, { maxLength: 5 }), restrictions, vendor, (given, ranges, limits, id) => {
        const text = tcString({ purposes: given, ranges, restrictions: limits });
        const model = TCString.decode(text);
        const allowed = given.filter((purpose) =>
          [undefined, 1].includes(model.publisherRestrictions.getRestrictionType(id, purpose)),
        );
        const read = readTcfConsent(text, id);
        expect(read?.hasVendor).toBe(model.vendorConsents.has(id));
        expect([...(read?.purposes ?? [])].sort()).toEqual(allowed.sort());
      }),
    );
  });

  it('lets the publisher take purposes away from a vendor', () => {
    const restrictions = [
      { purpose: 2, kind: 0, vendors: [[5, 9]] as [number, number][] },
      { purpose: 1, kind: 1, vendors: [[5, 9]] as [number, number][] },
    ];
    const text = tcString({ purposes: [1, 2], ranges: [[1, 20]], restrictions });
    expect([...(readTcfConsent(text, 7)?.purposes ?? [])]).toEqual([1]);
    expect([...(readTcfConsent(text, 4)?.purposes ?? [])]).toEqual([1, 2]);
  });

  it.each([
    '',
    'Invalid',
    'gdprConsentString',
    'CO',
    tcString({ version: 1 }),
    tcString({ vendors: [9] }).slice(0, 40),
    'ö'.repeat(99),
  ])('takes %p for no consent', (text) => expect(readTcfConsent(text, 2)).toBeNull());
});
