import fc from 'fast-check';
import { ExpiryQueues, type Ending } from './expiry-queues';

const LIVES = [300, 360, 3600];

/** Entries of several lives, made in the order of time; some are deleted again. */
const history = fc.array(
  fc.record({ gap: fc.nat(200), life: fc.constantFrom(...LIVES), deleted: fc.option(fc.nat(60), { nil: null }) }),
  { maxLength: 60 },
);

function played(steps: readonly { gap: number; life: number; deleted: number | null }[]) {
  const queues = new ExpiryQueues<Ending>();
  const plain = new Map<string, Ending>();
  let nowMs = 0;
  for (const [at, { gap, life, deleted }] of steps.entries()) {
    nowMs += gap;
    const entry = { decisionId: `d${at}`, expiresAtMs: nowMs + life };
    queues.set(entry.decisionId, entry);
    plain.set(entry.decisionId, entry);
    if (deleted === null) continue;
    queues.delete(`d${deleted}`);
    plain.delete(`d${deleted}`);
  }
  return { queues, plain, nowMs };
}

const idsOf = (entries: Iterable<Ending>): string[] => [...entries].map(({ decisionId }) => decisionId).sort();
const overOf = (plain: Map<string, Ending>, atMs: number): string[] =>
  idsOf([...plain.values()].filter(({ expiresAtMs }) => expiresAtMs <= atMs));

describe('entries of several lives', () => {
  it('run out when they end, whatever lives longer and came before', () => {
    fc.assert(
      fc.property(history, fc.nat(4000), fc.boolean(), (steps, later, isSorted) => {
        const { queues, plain, nowMs } = played(steps);
        if (isSorted) queues.sort();
        expect(queues.size).toBe(plain.size);
        expect(idsOf(queues.values())).toEqual(idsOf(plain.values()));
        expect(idsOf(queues.over(nowMs + later))).toEqual(overOf(plain, nowMs + later));
      }),
    );
  });

  it('may be deleted while one looks at those that ran out', () => {
    const { queues } = played(LIVES.map((life) => ({ gap: 1, life, deleted: null })));
    for (const { decisionId } of queues.over(400)) queues.delete(decisionId);
    expect(idsOf(queues.values())).toEqual(['d2']);
    expect(queues.has('d0')).toBe(false);
  });

  it('replace one of the same decision', () => {
    const queues = new ExpiryQueues<Ending>();
    for (const expiresAtMs of [900, 100]) queues.set('d', { decisionId: 'd', expiresAtMs });
    expect(queues.size).toBe(1);
    expect(queues.get('d')?.expiresAtMs).toBe(100);
  });
});
