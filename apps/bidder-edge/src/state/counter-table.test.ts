import fc from 'fast-check';
import { CounterTable, SLOTS } from './counter-table';

describe('CounterTable', () => {
  it('holds what a map would, through growth and removals', () => {
    const pair = fc.tuple(
      fc.integer({ min: 0, max: 40 }),
      fc.integer({ min: -2, max: 2 }),
      fc.integer({ min: 1, max: 3 }),
    );
    const step = fc.record({ pair, act: fc.constantFrom('add', 'reserve', 'release', 'remove'), bucket: fc.nat(60) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const table = new CounterTable();
        const model = new Map<string, { reserved: number; sum: number }>();
        for (const {
          pair: [low, high, cap],
          act,
        } of steps) {
          const key = `${low},${high},${cap}`;
          const place = table.find(low, high, cap);
          expect(place >= 0).toBe(model.has(key));
          if (act === 'remove') {
            if (place >= 0) table.remove(place);
            model.delete(key);
            continue;
          }
          const at = table.ensure(low, high, cap);
          const known = model.get(key) ?? { reserved: 0, sum: 0 };
          if (act === 'add') {
            table.add(at, 5, 1);
            known.sum += 1;
          } else {
            table.addReserved(at, act === 'reserve' ? 1 : -1);
            known.reserved = Math.max(0, known.reserved + (act === 'reserve' ? 1 : -1));
          }
          model.set(key, known);
        }
        expect(table.size).toBe(model.size);
        for (const [key, { reserved, sum }] of model) {
          const [low, high, cap] = key.split(',').map(Number) as [number, number, number];
          const place = table.find(low, high, cap);
          expect([table.reserved(place), table.sum(place, 0)]).toEqual([reserved, sum]);
          expect([...table.userOf(place), table.capOf(place)]).toEqual([low, high, cap]);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('grows from a thousand to a hundred thousand entries and loses none', () => {
    const table = new CounterTable();
    for (let n = 0; n < 100_000; n += 1) table.add(table.ensure(n, ~n, 1 + (n % 3)), 7, n % 5);
    for (let n = 0; n < 100_000; n += 1) expect(table.sum(table.find(n, ~n, 1 + (n % 3)), 0)).toBe(n % 5);
    expect(table.bytes / table.size).toBeLessThan(72 / 0.375);
  });

  it('counts the newest buckets, what is older in the oldest of them, and says when a bucket is full', () => {
    const event = fc.record({ bucket: fc.integer({ min: 1000, max: 1100 }), times: fc.integer({ min: 1, max: 3 }) });
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 40 }), (events) => {
        const table = new CounterTable();
        const place = table.ensure(1, 2, 3);
        const model = new Map<number, number>();
        let newest = 0;
        for (const { bucket, times } of events) {
          newest = Math.max(newest, bucket);
          const kept = Math.max(bucket, newest - SLOTS + 1);
          model.set(kept, (model.get(kept) ?? 0) + times);
          table.add(place, bucket, times);
        }
        const pairs = [...model].filter(([bucket]) => bucket > newest - SLOTS).sort(([a], [b]) => a - b);
        expect(table.buckets(place, 0)).toEqual(pairs.flat());
        expect(table.sum(place, newest)).toBe(model.get(newest));
      }),
    );
    const table = new CounterTable();
    const place = table.ensure(1, 2, 3);
    table.add(place, 1, 70_000);
    expect(table.sum(place, 0)).toBe(Number.POSITIVE_INFINITY);
  });
});
