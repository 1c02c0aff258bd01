import { Injectable } from '@nestjs/common';
import { rejudger, type RejudgedRollout, type RejudgePolicy } from '#domain/rollout';
import { digestOfEvidence } from '../rollouts/evidence-digest';
import { type PastRollout, PastRolloutsRepository } from './past-rollouts.repository';

/** A past rollout under another policy; `alteredLooks` no longer hash to the digest they were sealed with. */
export type RejudgedPastRollout = PastRollout & RejudgedRollout & { alteredLooks: number };

/** All past rollouts under another policy. */
export interface Rejudgement {
  rollouts: number;
  looks: number;
  judged: number;
  unjudged: number;
  altered: number;
  verdictsChanged: number;
  flips: number;
  /** More rollouts ended in the range than were asked for. */
  truncated: boolean;
  items: RejudgedPastRollout[];
}

/** Replays the stored looks of ended rollouts; reads only. */
@Injectable()
export class RejudgeService {
  constructor(private readonly past: PastRolloutsRepository) {}

  /** Newest rollouts first; lets other requests through between looks, since judging is work for the processor. */
  async rejudge(policy: RejudgePolicy, since: Date | null, limit: number): Promise<Rejudgement> {
    const rollouts = await this.past.ended(since, limit + 1);
    const items: RejudgedPastRollout[] = [];
    for (const rollout of rollouts.slice(0, limit)) items.push(await this.one(rollout, policy));
    const sum = (of: (item: RejudgedPastRollout) => number) => items.reduce((total, item) => total + of(item), 0);
    return {
      rollouts: items.length,
      looks: sum((item) => item.looks),
      judged: sum((item) => item.judged),
      unjudged: sum((item) => item.unjudged.length),
      altered: sum((item) => item.alteredLooks),
      verdictsChanged: sum((item) => item.verdictsChanged),
      flips: sum((item) => item.flips.length),
      truncated: rollouts.length > limit,
      items,
    };
  }

  private async one(rollout: PastRollout, policy: RejudgePolicy): Promise<RejudgedPastRollout> {
    const judge = rejudger(policy);
    let alteredLooks = 0;
    for await (const look of this.past.looks(rollout.rolloutId)) {
      if (digestOfEvidence(look.evidence) !== look.digest) alteredLooks += 1;
      judge.add(look);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { ...rollout, ...judge.result(), alteredLooks };
  }
}
