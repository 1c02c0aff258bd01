import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

/** Clicks and impressions per creative, for snapshots: the Creative agent's baseline reads them. */
@Injectable()
export class CreativeStats {
  constructor(private readonly database: DataSource) {}

  /** Counts of the creatives asked for; those never shown are left out. */
  async of(creativeIds: readonly string[]): Promise<Record<string, { impressions: number; clicks: number }>> {
    const rows = await this.database.query<{ creative_id: string; impressions: string; clicks: string }[]>(
      'SELECT creative_id, impressions, clicks FROM creative_stat WHERE creative_id = ANY($1) ORDER BY creative_id',
      [creativeIds],
    );
    return Object.fromEntries(
      rows.map((row) => [row.creative_id, { impressions: Number(row.impressions), clicks: Number(row.clicks) }]),
    );
  }
}
