import { request } from 'node:http';
import {
  campaignLinesSchema,
  campaignWhySchema,
  edgeStatusSchema,
  type CampaignWhy,
  type EdgeStatus,
} from '#domain/contracts';
import { demoSnapshot } from '../fixtures/demo-snapshot';
import { ask, bannerRequest, notify, type SeenBid } from '../fixtures/edge-traffic';
import { startLocalEdge, type LocalEdge } from '../fixtures/local-edge';

describe('the admin port of an edge', () => {
  const snapshot = demoSnapshot();
  const [far, hostile] = snapshot.campaigns as [(typeof snapshot.campaigns)[0], (typeof snapshot.campaigns)[0]];
  let local: LocalEdge;

  beforeAll(async () => {
    const campaigns = snapshot.campaigns.map((campaign, at) => {
      if (at === 0) return { ...campaign, targeting: { ...campaign.targeting, countries: ['ISL'] } };
      if (at === 1) return { ...campaign, name: '<script>alert(1)</script> & "co"' };
      return campaign;
    });
    local = await startLocalEdge({ ...snapshot, campaigns });
    for (let n = 0; n < 20; n += 1) await ask(local.url, bannerRequest(`user-${n}`));
  });
  afterAll(() => local.stop());

  const get = (path: string, init: RequestInit = {}): Promise<Response> => fetch(`${local.adminUrl}${path}`, init);
  const status = async (): Promise<EdgeStatus> => edgeStatusSchema.parse(await (await get('/status')).json());
  const why = async (id: string): Promise<CampaignWhy> =>
    campaignWhySchema.parse(await (await get(`/campaigns/${id}/why`)).json());
  const codeOf = async (response: Response): Promise<string> => ((await response.json()) as { code: string }).code;

  it('tells what is really served, counted and measured', async () => {
    const told = await status();
    expect(told).toMatchObject({
      edgeId: 'edge-test',
      notReady: null,
      serving: { snapshotId: 'snap-test', version: 1, exchanges: ['demo'] },
      kill: { level: 'none', quarantinedAgents: [], stoppedCampaigns: [] },
      controlPlane: null,
      refusals: [],
      traffic: { requests: 20, internalErrors: 0 },
      outbox: { isOpen: true, faults: [], shed: [] },
    });
    expect(told.serving.arms.map(({ arm, shareBps }) => [arm, shareBps])).toEqual([['champion', 10_000]]);
    expect(told.serving.arms[0]?.policies).toContainEqual({ agent: 'bid', modelVersionId: 'bid-test', model: false });
    expect(told.latency.map(({ stage, count }) => [stage, count])).toEqual(
      ['decode', 'match', 'infer', 'decide', 'respond', 'total'].map((stage) => [stage, 20]),
    );
    expect(told.latency.at(-1)?.p50).toBeGreaterThan(10);
    expect(told.exchanges).toMatchObject([{ exchange: 'demo', answers: 20, late: 0, invalid: 0, isAlarm: false }]);
    expect(told.budget.grants.length).toBeGreaterThan(0);
    for (const grant of told.budget.grants) expect(grant.amountNanos).toBeGreaterThanOrEqual(grant.freeNanos);
  });

  it('says why a campaign does not bid, in words and with what to do', async () => {
    const told = await why(far.campaignId);
    expect(told.bids).toEqual({ recent: 0, total: 0 });
    expect(told.reasons[0]).toMatchObject({ reason: 'geo', stage: 'match' });
    expect(told.reasons[0]?.toDo).not.toBe('');
    expect(told.verdict).toContain('another country');
    const sum = told.reasons.reduce((total, { total: count }) => total + count, 0);
    expect(sum).toBe(told.looked.total);
  });

  it('accounts for every impression of a campaign: bids, refusals of match and decide, and those another one won', async () => {
    const lines = campaignLinesSchema.parse(await (await get('/campaigns')).json());
    expect(lines.total).toBe(snapshot.campaigns.length);
    let bids = 0;
    for (const { campaignId } of lines.items) {
      const told = await why(campaignId);
      const refused = told.reasons.reduce((total, { total: count }) => total + count, 0);
      expect(told.bids.total + told.outranked.total + refused).toBe(told.looked.total);
      bids += told.bids.total;
    }
    expect(bids).toBe((await status()).traffic.bids);
    expect(bids).toBeGreaterThan(0);
  });

  it('shows pages without a script, in a style of their own alone, with every name escaped', async () => {
    for (const path of ['/', '/?every=5', `/campaigns/${hostile.campaignId}`]) {
      const response = await get(path);
      const text = await response.text();
      expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/);
      expect(text).not.toContain('<script');
      expect(text).toContain('&lt;script&gt;');
      expect(text).not.toMatch(/(src|href)="(https?:)?\/\//);
      expect(text.includes('http-equiv="refresh"')).toBe(path.includes('every'));
    }
    expect((await get('/campaigns/%3Cb%3E')).status).toBe(404);
  });

  it('knows its routes, reads only, and answers to no name of another site', async () => {
    expect(await codeOf(await get('/campaigns/nobody/why'))).toBe('UNKNOWN_CAMPAIGN');
    expect(await codeOf(await get('/campaigns/%E0%A4%A/why'))).toBe('BAD_CAMPAIGN_ID');
    expect(await codeOf(await get('/openrtb2/demo'))).toBe('NO_ROUTE');
    expect((await get('/status', { method: 'POST' })).status).toBe(405);
    const rebound = await new Promise<number | undefined>((resolve) => {
      const options = {
        port: local.edge.adminPort,
        host: '127.0.0.1',
        path: '/status',
        headers: { host: 'evil.example' },
      };
      request(options, (answer) => resolve(answer.statusCode)).end();
    });
    expect(rebound).toBe(421);
  });

  it('has probes and metrics: stages, lag, reasons by stage and campaign', async () => {
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/readyz')).status).toBe(200);
    const text = await (await get('/metrics')).text();
    expect(text).toContain('adloop_edge_stage_seconds_count{stage="decide"} 20');
    expect(text).toMatch(/adloop_edge_event_loop_lag_seconds\{quantile="0.99"\} \d/);
    expect(text).toContain(`adloop_edge_filtered_total{campaign="${far.campaignId}",stage="match",reason="geo"}`);
    expect(text).toContain('adloop_edge_late_or_invalid_ratio{exchange="demo"} 0');
  });

  it('counts an answer that left after its deadline', async () => {
    expect(await ask(local.url, bannerRequest('late', { tmax: 1 }))).toBeNull();
    expect((await status()).exchanges[0]).toMatchObject({ answers: 21, late: 1, isAlarm: false });
    const text = await (await get('/metrics')).text();
    expect(text).toContain('adloop_edge_bad_answers_total{exchange="demo",what="late"} 1');
  });

  it('alarms when an exchange gets too many late or invalid answers, and stays ready', async () => {
    const bids: SeenBid[] = [];
    for (let n = 0; n < 100; n += 1) {
      const bid = await ask(local.url, bannerRequest(`loss-${n}`));
      if (bid !== null) bids.push(bid);
    }
    for (const bid of bids.slice(0, 12)) await notify(bid.lurl, { loss: 3 });
    expect((await status()).exchanges[0]).toMatchObject({ invalid: 12, isAlarm: true });
    expect(await (await get('/')).text()).toContain('exchanges throttle at 15 %');
    expect((await get('/readyz')).status).toBe(200);
  });
});

describe('the bid port of an edge that strangers reach', () => {
  it('keeps its probes and does not tell what is spent; the admin port does', async () => {
    const local = await startLocalEdge(demoSnapshot(), { EDGE_HOST: '0.0.0.0' });
    expect((await fetch(`${local.url}/readyz`)).status).toBe(200);
    expect((await fetch(`${local.url}/metrics`)).status).toBe(404);
    expect(await (await fetch(`${local.adminUrl}/metrics`)).text()).toContain('adloop_edge_spend_nanos_total');
    await local.stop();
  });
});
