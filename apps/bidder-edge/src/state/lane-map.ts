import { ARMS, type Arm } from '#domain/contracts';

/** One value per campaign and arm. Read for every campaign of every request, so no key is glued together to read one. */
export class LaneMap<T> {
  private readonly arms: Record<Arm, Map<string, T>> = { champion: new Map(), canary: new Map() };

  get(campaignId: string, arm: Arm): T | undefined {
    return this.arms[arm].get(campaignId);
  }

  set(campaignId: string, arm: Arm, value: T): void {
    this.arms[arm].set(campaignId, value);
  }

  delete(campaignId: string, arm: Arm): void {
    this.arms[arm].delete(campaignId);
  }

  *entries(): Generator<[campaignId: string, arm: Arm, value: T]> {
    for (const arm of ARMS) for (const [campaignId, value] of this.arms[arm]) yield [campaignId, arm, value];
  }

  *values(): Generator<T> {
    yield* this.arms.champion.values();
    yield* this.arms.canary.values();
  }
}
