import { generateKeyPairSync, sign } from 'node:crypto';
import type { DecisionRecord, KillOrder } from '#domain/contracts';
import type { ProbeSample } from './edge-probe';

/** What one response, with the edge's own record of it, says about the level in force. */
export type Shown = 'stopped' | 'safe' | 'quarantined' | 'canary-open' | 'champion-alone' | 'unclear';

/**
 * Level that a response shows. A stopped edge answers 204 and records nothing; any decision is recorded with its mode, its
 * quarantined agents, and the rollout of a canary that may serve.
 */
export function shownBy(sample: ProbeSample, record: DecisionRecord | undefined): Shown {
  if (record === undefined) return sample.status === 204 ? 'stopped' : 'unclear';
  if (record.inputs.inferenceMode === 'safe') return 'safe';
  if (record.inputs.quarantined.includes('bid')) return 'quarantined';
  return record.inputs.rolloutId === '' ? 'champion-alone' : 'canary-open';
}

/** One change of the level, as an operator types it, and what every later response must show. */
export interface Change {
  name: string;
  args: string[];
  shows: readonly Shown[];
}

const A = ['--key', 'operator-a'];
const BOTH = [...A, '--key', 'operator-b'];
const set = (level: string, keys: string[], shows: Shown, ...more: string[]): Change => ({
  name: level,
  args: ['set', level, ...keys, ...more],
  shows: [shows],
});
const lift = (...shows: Shown[]): Change => ({ name: 'lift', args: ['lift', ...BOTH], shows });

/** While the canary's lease lives (two minutes at most): champion only, and back. */
const WITH_CANARY: readonly Change[] = [
  set('champion-only', A, 'champion-alone'),
  lift('canary-open'),
  set('champion-only', ['--key', 'operator-b'], 'champion-alone'),
  lift('canary-open'),
];
/** Safe bids, then silent, then back down. Whether the lease still lives is nobody's business here. */
const DOWN_AND_UP: readonly Change[] = [
  set('safe-bids-only', A, 'safe'),
  set('stop-bidding', A, 'stopped'),
  set('safe-bids-only', BOTH, 'safe'),
  lift('champion-alone', 'canary-open'),
];
const QUARANTINE: readonly Change[] = [
  set('quarantine-agent', A, 'quarantined', '--agent', 'bid'),
  lift('champion-alone', 'canary-open'),
];
const SILENT: readonly Change[] = [set('stop-bidding', A, 'stopped'), lift('champion-alone', 'canary-open')];

/** Twenty changes: every level, both ways. */
export const LONG_SCRIPT: readonly Change[] = [
  ...WITH_CANARY,
  ...DOWN_AND_UP,
  ...QUARANTINE,
  ...DOWN_AND_UP,
  ...SILENT,
  ...DOWN_AND_UP,
];
export const SHORT_SCRIPT: readonly Change[] = [...WITH_CANARY.slice(0, 2), ...DOWN_AND_UP];

/** A kill file that no edge may obey, and why. */
export interface Forgery {
  name: string;
  /** Text to put in place of the kill file; null: the file is deleted. */
  text: string | null;
}

/** Files that must change nothing, made from one that was obeyed before (`old`) and is signed by both operators. */
export function forgeries(old: string, nowMs: number): Forgery[] {
  const { payload, signatures } = JSON.parse(old) as { payload: string; signatures: unknown[] };
  const order = JSON.parse(payload) as KillOrder;
  const next = JSON.stringify({ ...order, seq: nowMs, issuedAt: new Date(nowMs).toISOString() });
  const stranger = generateKeyPairSync('ed25519').privateKey;
  const foreign = sign(null, Buffer.from(next), stranger).toString('base64url');
  const text = (file: unknown): string => JSON.stringify(file);
  return [
    { name: 'old', text: old },
    { name: 'unsigned', text: text({ payload: next, signatures: [] }) },
    {
      name: 'signed by a stranger',
      text: text({ payload: next, signatures: [{ keyId: 'operator-a', signature: foreign }] }),
    },
    { name: 'altered', text: text({ payload: next, signatures }) },
    { name: 'half written', text: old.slice(0, Math.floor(old.length / 2)) },
    { name: 'deleted', text: null },
  ];
}
