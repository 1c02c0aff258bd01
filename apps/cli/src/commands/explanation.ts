import type { DecisionRecord } from '#domain/contracts/decision-record';
import { formatMicros, printObject, printRows, type OutputFormat } from '../output';

/** Answer of GET /decisions/{id}. */
export interface Explanation extends Record<string, unknown> {
  decisionId: string;
  explain: string;
  outcomes: { kind: string; atMs: number; priceNanos: number | null }[];
  record: DecisionRecord;
}

const utc = (ms: number): string => new Date(ms).toISOString();

/** Tells a decision to a person: the sentence, what each agent wanted, who else ran, where the time went. `-o json` has all of it. */
export function printExplanation(explanation: Explanation, format: OutputFormat): void {
  if (format !== 'table') return printObject(explanation, format);
  const { decisionId, explain, outcomes, record } = explanation;
  const { inputs, outputs, latencyUs, modelVersions } = record;
  console.log(`${explain}\n`);
  printObject(
    {
      decision: decisionId,
      at: utc(inputs.nowMs),
      edge: record.edgeId,
      request: `${inputs.request.requestId}, impression ${inputs.impIndex}, exchange ${inputs.request.exchange}`,
      arm: inputs.rolloutId === '' ? inputs.arm : `${inputs.arm}, rollout ${inputs.rolloutId}, stage ${inputs.stage}`,
      snapshot: inputs.snapshotId,
      'user before': inputs.userFeatures?.values ?? inputs.userFeatures?.state ?? 'not logged',
      filtered: Object.entries(outputs.filtered).map(([reason, n]) => `${n} by ${reason}`),
      'µs per stage': latencyUs,
    },
    format,
  );
  table(
    'agents',
    Object.entries(outputs.agents ?? {}).map(([agent, step]) => ({
      agent,
      ...step,
      policy: modelVersions[agent as keyof typeof modelVersions],
    })),
  );
  table(
    'overruled',
    outputs.conflicts.map((conflict) => ({ ...conflict })),
  );
  table(
    'campaigns that lost',
    outputs.losingCampaigns.map(({ campaignId, bidMicros, score }) => ({
      campaignId,
      bid: formatMicros(bidMicros),
      'expected surplus': formatMicros(score),
    })),
  );
  table(
    'outcomes',
    outcomes.map(({ kind, atMs, priceNanos }) => ({
      kind,
      at: utc(atMs),
      price: priceNanos === null ? '-' : formatMicros(priceNanos),
    })),
  );
  console.log(`\nThe whole record: adloop decision explain ${decisionId} -o json`);
}

function table(title: string, rows: Record<string, unknown>[]): void {
  if (rows.length === 0) return;
  console.log(`\n${title}`);
  printRows(rows, Object.keys(rows[0]), 'table');
}
