import type { DecisionRecord } from '#domain/contracts';
import type { DecisionLog } from '../outbox/decision-log';
import { bundleOf } from '../snapshot/live-snapshot';
import type { Received } from './receive';
import type { NamedDecision } from './respond';

/** Microseconds spent between the stage borders. */
export type StageLatency = DecisionRecord['latencyUs'];

/** Last stage, after the socket write: one record per impression into the outbox. */
export function record(
  edgeId: string,
  received: Received,
  decisions: readonly NamedDecision[],
  latencyUs: StageLatency,
  records: DecisionLog,
): void {
  for (const { decisionId, inputs, outputs } of decisions) {
    const bundle = bundleOf(received.live.snapshot, inputs.arm);
    const line: DecisionRecord = {
      type: 'decision',
      schemaVersion: 1,
      decisionId,
      edgeId,
      // Wall-clock milliseconds, in nanoseconds: the contract's unit; Node has no finer wall clock.
      atNs: `${inputs.nowMs}000000`,
      inputs,
      outputs,
      latencyUs,
      modelVersions: {
        budget: bundle.budget.modelVersionId,
        creative: bundle.creative.modelVersionId,
        bid: bundle.bid.modelVersionId,
        frequency: bundle.frequency.modelVersionId,
      },
    };
    records.appendDecision(outputs.creativeId === null ? 'no-bid' : 'bid', line);
  }
}
