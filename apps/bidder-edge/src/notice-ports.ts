import type { EdgeFacts } from './edge-facts';
import type { NoticeReceiver } from './notices';
import type { RememberedRecords } from './snapshot';

type Ports = ConstructorParameters<typeof NoticeReceiver>[0];

/** Ports of the notices: prices as the exchange's settings of now have them, and who counts. */
export function noticePorts(facts: EdgeFacts, records: RememberedRecords): Ports {
  const { config, metrics, signer, state, commit, prices, holder } = facts;
  return {
    ...{ edgeId: config.edgeId, signer, state, commit },
    now: Date.now,
    readPriceOf: (exchange) => prices.of(holder.live?.snapshot.exchanges[exchange]),
    fx: () => holder.live?.snapshot.fx ?? { base: 'USD', asOfMs: 0, rates: {} },
    landingUrlOf: (creativeId) => records.landingUrlOf(creativeId),
    count: (kind, result) => metrics.notices.add(1, kind, result),
    onAccepted: (outcome) => {
      if (outcome.kind === 'loss') metrics.quality.lost(outcome.exchange, outcome.lossReason);
      if (outcome.kind !== 'bill' || outcome.isTest) return;
      metrics.spendNanos.add(outcome.priceNanos, outcome.arm);
      if (!outcome.reservationLive) metrics.lateBills.add();
    },
  };
}
