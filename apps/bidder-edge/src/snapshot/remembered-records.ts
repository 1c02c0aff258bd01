import type { PolicySnapshot } from '#domain/contracts';

/** Creatives remembered beyond the snapshots that served them; the oldest are forgotten first. */
const MAX_CREATIVES = 100_000;

/** Landing URLs of creatives, also of those that left the snapshot while their ads are still on screens. */
export class RememberedRecords {
  private readonly landingUrls = new Map<string, string>();

  remember(snapshot: PolicySnapshot): void {
    for (const { creativeId, landingUrl } of snapshot.creatives) {
      // Deleting first makes a creative that is still served the newest entry.
      this.landingUrls.delete(creativeId);
      this.landingUrls.set(creativeId, landingUrl);
    }
    for (const oldest of this.landingUrls.keys()) {
      if (this.landingUrls.size <= MAX_CREATIVES) return;
      this.landingUrls.delete(oldest);
    }
  }

  landingUrlOf(creativeId: string): string | null {
    return this.landingUrls.get(creativeId) ?? null;
  }
}
