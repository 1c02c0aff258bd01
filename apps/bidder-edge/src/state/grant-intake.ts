import type { BudgetGrant } from '#domain/contracts';
import type { GroupCommit } from '../outbox';
import type { EdgeState } from './edge-state';

/** Takes grants in: each is on disk before the first bid may use it, or a crash would forget what it owes. */
export class GrantIntake {
  constructor(
    private readonly state: EdgeState,
    private readonly commit: GroupCommit,
  ) {}

  /**
   * @param grantedAtMs the grantor's clock when it answered; a grant lives as long as that clock says, whatever this machine's
   * shows: past its end the grantor gives the rest of it to somebody else.
   */
  async take(grants: readonly BudgetGrant[], grantedAtMs: number): Promise<void> {
    const aheadMs = Date.now() - grantedAtMs;
    for (const grant of grants) {
      const translated = { ...grant, expiresAtMs: grant.expiresAtMs + aheadMs };
      this.state.addGrant(translated, this.state.standalone.isOwn(grant));
    }
    if (grants.length > 0) await this.activateWhenDurable(grants.map((grant) => grant.grantId));
  }

  /** Called once a second: what a failed disk refused is journalled again. */
  retry(): void {
    if (this.commit.isFailed) void this.activateWhenDurable(this.state.retryGrants());
  }

  /** A disk that refuses has been reported by the commit; the grants wait for the next second. */
  private async activateWhenDurable(grantIds: readonly string[]): Promise<void> {
    const isDurable = await this.commit.durable().then(
      () => true,
      () => false,
    );
    if (isDurable) for (const grantId of grantIds) this.state.ledger.activate(grantId);
  }
}
