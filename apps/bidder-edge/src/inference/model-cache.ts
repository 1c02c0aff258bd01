import type { ArtifactRef } from '#domain/contracts';
import { openBidModel, type BidModel } from './bid-model';
import { Breaker } from './breaker';

/** A model with its breaker; shared by all arms and shadows that serve the same bytes. */
export interface ServedModel {
  model: BidModel;
  breaker: Breaker;
}

/** Requests in flight may still hold a model of the previous snapshot for this long. */
const GRACE_MS = 30_000;

/** Open sessions by artifact hash. */
export class ModelCache {
  private readonly models = new Map<string, ServedModel>();

  /** @throws ModelFault when the artifact may not serve */
  async open(bytes: Uint8Array, ref: ArtifactRef): Promise<ServedModel> {
    const known = this.models.get(ref.sha256);
    if (known) return known;
    const served = { model: await openBidModel(bytes, ref), breaker: new Breaker() };
    this.models.set(ref.sha256, served);
    return served;
  }

  has(sha256: string): boolean {
    return this.models.has(sha256);
  }

  /** Closes what `live` no longer names, after a grace period. */
  retire(live: ReadonlySet<string>): void {
    for (const [sha256, served] of this.models) {
      if (live.has(sha256)) continue;
      this.models.delete(sha256);
      setTimeout(() => void served.model.close(), GRACE_MS).unref();
    }
  }
}
