import type { Stack } from '../stack';

const MORNING_HOUR = 6;
const HOURS = 24;
/** Zones run from twelve hours behind UTC to fourteen before it; twelve either way reach every hour. */
const FURTHEST_WEST = -12;

/** A zone of whole hours in which it is about six in the morning at `nowMs`. `Etc/GMT+5` is five hours behind UTC. */
export function morningZone(nowMs: number): string {
  const ahead = (MORNING_HOUR - new Date(nowMs).getUTCHours() + HOURS) % HOURS;
  const offset = ahead >= HOURS + FURTHEST_WEST ? ahead - HOURS : ahead;
  return offset === 0 ? 'UTC' : `Etc/GMT${offset > 0 ? '-' : '+'}${Math.abs(offset)}`;
}

/**
 * Moves every campaign to a zone where its day has just begun, so that a drill finds the same budgets at any hour. Call it before the
 * first edge asks for money.
 */
export async function beginTheDay(stack: Stack): Promise<void> {
  const timeZone = morningZone(Date.now());
  const base = `${stack.urls.controlPlane}/api/v1/campaigns`;
  const headers = { authorization: `Bearer ${stack.token('adam')}`, 'content-type': 'application/json' };
  const { items } = (await (await fetch(base, { headers })).json()) as {
    items: { campaignId: string; version: number }[];
  };
  for (const { campaignId, version } of items) {
    const response = await fetch(`${base}/${encodeURIComponent(campaignId)}`, {
      method: 'PATCH',
      headers: { ...headers, 'if-match': `"${version}"` },
      body: JSON.stringify({ timeZone }),
    });
    if (!response.ok) throw new Error(`campaign ${campaignId}: ${response.status} ${await response.text()}`);
  }
}
