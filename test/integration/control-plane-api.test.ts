import { campaignInput, ControlPlaneHarness, creativeInput } from './control-plane-harness';

interface ProblemBody {
  status: number;
  code: string;
  errors?: { pointer: string; code: string; detail: string }[];
}

interface CampaignPage {
  items: { campaignId: string }[];
  nextCursor: string | null;
}

describe('campaign API on a real Postgres', () => {
  let plane: ControlPlaneHarness;
  let advertiserId: string;

  beforeAll(async () => {
    plane = await ControlPlaneHarness.start();
    const made = await plane.call<{ advertiserId: string }>('POST', '/api/v1/advertisers', {
      as: 'adam',
      body: { name: 'Northwind', domain: 'northwind.example' },
    });
    expect(made.status).toBe(201);
    advertiserId = made.body.advertiserId;
  });

  afterAll(() => plane.stop());

  const create = (body: unknown, headers: Record<string, string> = {}) =>
    plane.call<{ campaignId: string; version: number }>('POST', '/api/v1/campaigns', { as: 'adam', body, headers });

  test('a campaign that was created is read back as it was written, with its ETag', async () => {
    const made = await create(
      campaignInput(advertiserId, { goal: { kind: 'cpa', targetMicros: 7, conversionValueMicros: 9 } }),
    );
    expect(made).toMatchObject({ status: 201, headers: { etag: '"1"' }, body: { version: 1, objective: 'value' } });
    const read = await plane.call('GET', made.headers.location!, { as: 'vera' });
    expect(read).toMatchObject({ status: 200, headers: { etag: '"1"' } });
    expect(read.body).toEqual(made.body);
  });

  test('a campaign says for how long conversions count, thirty days after a click and one after a view unless told', async () => {
    const made = await create(campaignInput(advertiserId));
    expect(made.body).toMatchObject({ attribution: { clickMinutes: 43_200, viewMinutes: 1440 } });
    const url = made.headers.location!;
    const patch = (attribution: unknown) =>
      plane.call<ProblemBody>('PATCH', url, { as: 'adam', body: { attribution }, headers: { 'if-match': '*' } });
    expect(await patch({ clickMinutes: 60, viewMinutes: 0 })).toMatchObject({
      status: 200,
      body: { attribution: { clickMinutes: 60, viewMinutes: 0 } },
    });
    const refused = await patch({ clickMinutes: 129_601, viewMinutes: -1 });
    expect(refused.status).toBe(422);
    expect(refused.body.errors!.map(({ pointer }) => pointer).sort()).toEqual([
      '/attribution/clickMinutes',
      '/attribution/viewMinutes',
    ]);
    expect((await plane.call('GET', url, { as: 'vera' })).body).toMatchObject({ attribution: { viewMinutes: 0 } });
  });

  test('an invalid campaign is 422 and every fault has its JSON pointer', async () => {
    const body = campaignInput(advertiserId, {
      dailyBudgetMicros: -1,
      endAt: '2020-01-01T00:00:00Z',
      goal: { kind: 'cpc', amountMicros: 0.5 },
      targeting: { countries: ['DEU', ''], planet: 'Mars' },
    });
    const refused = await plane.call<ProblemBody>('POST', '/api/v1/campaigns', { as: 'adam', body });
    expect(refused.status).toBe(422);
    expect(refused.headers['content-type']).toContain('application/problem+json');
    expect(refused.body.code).toBe('invalid-input');
    expect(refused.body.errors!.map((fault) => fault.pointer)).toEqual(
      expect.arrayContaining([
        '/dailyBudgetMicros',
        '/goal/amountMicros',
        '/targeting/countries/1',
        '/targeting/planet',
      ]),
    );
  });

  test('a rule across members has the pointer of the member to mend', async () => {
    const body = campaignInput(advertiserId, { endAt: '2020-01-01T00:00:00Z' });
    const refused = await plane.call<ProblemBody>('POST', '/api/v1/campaigns', { as: 'adam', body });
    expect(refused.body).toMatchObject({
      status: 422,
      errors: [{ pointer: '/endAt', detail: 'must be after startAt' }],
    });
  });

  test('an unknown advertiser is 422, an unknown campaign 404', async () => {
    expect((await create(campaignInput('adv_nobody'))).body).toMatchObject({ status: 422, code: 'unknown-reference' });
    const missing = await plane.call('GET', '/api/v1/campaigns/cmp_nothing', { as: 'vera' });
    expect(missing).toMatchObject({ status: 404, body: { code: 'not-found' } });
  });

  test('the same Idempotency-Key makes one campaign, also when both requests run at once', async () => {
    const headers = { 'idempotency-key': 'order-1' };
    const body = campaignInput(advertiserId, { name: 'Once' });
    const [first, second] = await Promise.all([create(body, headers), create(body, headers)]);
    const third = await create(body, headers);
    expect([first.status, second.status, third.status]).toEqual([201, 201, 201]);
    expect(new Set([first.body.campaignId, second.body.campaignId, third.body.campaignId]).size).toBe(1);
    expect(third.headers['idempotency-replayed']).toBe('true');
    const rows = await plane.database.query(`SELECT 1 FROM campaign WHERE name = 'Once'`);
    expect(rows).toHaveLength(1);
  });

  test('an Idempotency-Key with another body is refused; a refused request does not use its key up', async () => {
    const headers = { 'idempotency-key': 'order-2' };
    expect((await create(campaignInput('adv_nobody'), headers)).status).toBe(422);
    const body = campaignInput(advertiserId, { name: 'Second' });
    expect((await create(body, headers)).status).toBe(201);
    expect((await create({ ...body, name: 'Other' }, headers)).body).toMatchObject({
      status: 422,
      code: 'idempotency-key-reused',
    });
  });

  test('a change needs If-Match, refuses a stale one, and makes the next version', async () => {
    const { body } = await create(campaignInput(advertiserId));
    const url = `/api/v1/campaigns/${body.campaignId}`;
    const change = (patch: unknown, headers: Record<string, string> = {}) =>
      plane.call<ProblemBody & { version: number; status: string }>('PATCH', url, { as: 'adam', body: patch, headers });
    expect(await change({ status: 'paused' })).toMatchObject({ status: 428, body: { code: 'version-required' } });
    expect(await change({ status: 'paused' }, { 'if-match': '"1"' })).toMatchObject({
      status: 200,
      headers: { etag: '"2"' },
      body: { version: 2, status: 'paused', dailyBudgetMicros: 10_000_000 },
    });
    expect(await change({ status: 'active' }, { 'if-match': '"1"' })).toMatchObject({
      status: 412,
      headers: { etag: '"2"' },
    });
    expect(await change({ colour: 'red' }, { 'if-match': '"2"' })).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/colour' }] },
    });
    expect(await change({ safeBidMicros: 6_000_000 }, { 'if-match': '*' })).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/safeBidMicros' }] },
    });
  });

  test('lists come in pages that neither repeat nor leave out a row', async () => {
    for (let n = 0; n < 5; n++) await create(campaignInput(advertiserId, { name: `Page ${n}` }));
    const all = await plane.call<{ items: { campaignId: string }[] }>('GET', '/api/v1/campaigns?limit=200', {
      as: 'vera',
    });
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const url: string = `/api/v1/campaigns?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`;
      const page: { body: CampaignPage } = await plane.call<CampaignPage>('GET', url, { as: 'vera' });
      seen.push(...page.body.items.map((item) => item.campaignId));
      cursor = page.body.nextCursor;
    }
    expect(seen).toEqual(all.body.items.map((item) => item.campaignId));
    expect((await plane.call('GET', '/api/v1/campaigns?cursor=%21', { as: 'vera' })).status).toBe(400);
    expect((await plane.call('GET', '/api/v1/campaigns?limit=0', { as: 'vera' })).body).toMatchObject({
      status: 422,
      errors: [{ pointer: '/limit' }],
    });
  });

  test('creatives belong to a campaign and change by version', async () => {
    const { body } = await create(campaignInput(advertiserId));
    const made = await plane.call<{ creativeId: string }>('POST', '/api/v1/creatives', {
      as: 'adam',
      body: creativeInput(body.campaignId),
    });
    expect(made).toMatchObject({ status: 201, body: { reviewState: 'approved' } });
    const url = `/api/v1/creatives/${made.body.creativeId}`;
    const changed = await plane.call('PATCH', url, {
      as: 'adam',
      body: { reviewState: 'rejected' },
      headers: { 'if-match': '"1"' },
    });
    expect(changed).toMatchObject({ status: 200, headers: { etag: '"2"' }, body: { reviewState: 'rejected' } });
    const insecure = await plane.call<ProblemBody>('POST', '/api/v1/creatives', {
      as: 'adam',
      body: creativeInput(body.campaignId, { landingUrl: 'http://example.com' }),
    });
    expect(insecure.body).toMatchObject({ status: 422, errors: [{ pointer: '/landingUrl' }] });
    const ofCampaign = await plane.call('GET', `/api/v1/creatives?campaignId=${body.campaignId}`, { as: 'vera' });
    expect(ofCampaign.body.items).toHaveLength(1);
  });

  const files = [
    { url: 'https://cdn.example.com/a.mp4', mime: 'video/mp4', bitrateKbps: 900, width: 640, height: 360 },
  ];
  const image = { type: 3, url: 'https://cdn.example.com/a.jpg', width: 1200, height: 627 };

  test.each<[string, object, object]>([
    ['video', { width: 640, height: 360, durationSeconds: 15, mediaFiles: files }, { durationSeconds: 30 }],
    ['audio', { durationSeconds: 20, mediaFiles: [{ ...files[0], mime: 'audio/mpeg' }] }, { languages: ['en'] }],
    ['native', { title: 'Warm', images: [image], data: [{ type: 1, value: 'Shop' }] }, { title: 'Warmer' }],
  ])('a creative of type %s keeps what its type has, through a change', async (type, asset, change) => {
    const { body } = await create(campaignInput(advertiserId));
    const { width: _width, height: _height, markup: _markup, ...common } = creativeInput(body.campaignId);
    const transparency = [{ domain: 'dsp.example', params: [1] }];
    const dsa = { behalf: 'Shop', paid: 'Agency', transparency, isRendered: true };
    const input = { ...common, type, appBundle: 'com.shop', apis: [7], dsa, ...asset };
    const made = await plane.call<{ creativeId: string }>('POST', '/api/v1/creatives', { as: 'adam', body: input });
    expect(made).toMatchObject({ status: 201, body: { ...input, reviewState: 'approved' } });
    const url = `/api/v1/creatives/${made.body.creativeId}`;
    const options = { as: 'adam', body: change, headers: { 'if-match': '"1"' } };
    expect(await plane.call('PATCH', url, options)).toMatchObject({ status: 200, body: { ...input, ...change } });
    expect((await plane.call('GET', url, { as: 'vera' })).body).toMatchObject({ ...input, ...change });
    const strange = await plane.call<ProblemBody>('POST', '/api/v1/creatives', {
      as: 'adam',
      body: { ...input, markup: '<b>x</b>' },
    });
    expect(strange).toMatchObject({ status: 422 });
  });

  test('a total below what days have been allotted is a conflict', async () => {
    const { body } = await create(campaignInput(advertiserId, { totalBudgetMicros: 10_000_000 }));
    await plane.database.query(
      `INSERT INTO budget_account (account_id, campaign_id, kind, day) VALUES ($1, $2, 'day', '2026-01-01')`,
      [`day:${body.campaignId}:2026-01-01`, body.campaignId],
    );
    await plane.database.query(
      `INSERT INTO budget_entry (movement_id, account_id, amount_nanos, reason)
       VALUES ('m1', $1, -10000000000, 'allotted'), ('m1', $2, 10000000000, 'allotted')`,
      [`flight:${body.campaignId}`, `day:${body.campaignId}:2026-01-01`],
    );
    const less = { dailyBudgetMicros: 1_000_000, totalBudgetMicros: 5_000_000 };
    const refused = await plane.call('PATCH', `/api/v1/campaigns/${body.campaignId}`, {
      as: 'adam',
      body: less,
      headers: { 'if-match': '"1"' },
    });
    expect(refused).toMatchObject({ status: 409, body: { errors: [{ pointer: '/totalBudgetMicros' }] } });
  });
});

describe('borders of the API', () => {
  let plane: ControlPlaneHarness;
  beforeAll(async () => {
    plane = await ControlPlaneHarness.start();
  });
  afterAll(() => plane.stop());

  test('a request without a token is 401, with a role that may not 403, and both are in the audit', async () => {
    expect(await plane.call('GET', '/api/v1/campaigns', { as: 'nobody' })).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Bearer' },
      body: { code: 'unauthenticated' },
    });
    const refused = await plane.call('POST', '/api/v1/advertisers', {
      as: 'vera',
      body: { name: 'x', domain: 'x.example' },
    });
    expect(refused).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    const rows = await plane.database.query('SELECT actor, method, path, code FROM access_audit ORDER BY seq');
    expect(rows).toEqual([
      { actor: 'anonymous', method: 'GET', path: '/api/v1/campaigns', code: 'unauthenticated' },
      { actor: 'vera', method: 'POST', path: '/api/v1/advertisers', code: 'forbidden' },
    ]);
  });

  test('an edge may not use the API, a user may not use the edge protocol', async () => {
    expect((await plane.call('GET', '/api/v1/campaigns', { as: 'edge' })).status).toBe(403);
    expect((await plane.call('GET', '/edge/v1/snapshot', { as: 'root' })).status).toBe(403);
  });

  test('an unknown path is 404, an undeclared method 405 with Allow', async () => {
    expect(await plane.call('GET', '/api/v1/nothing')).toMatchObject({ status: 404, body: { code: 'not-found' } });
    expect(await plane.call('DELETE', '/api/v1/campaigns/cmp_1')).toMatchObject({
      status: 405,
      headers: { allow: 'GET, PATCH' },
      body: { code: 'method-not-allowed' },
    });
  });

  test('broken JSON is 400, a foreign content type 415, a body above the limit 413', async () => {
    const post = (payload: string, type: string) =>
      plane.call('POST', '/api/v1/advertisers', { body: payload as unknown, headers: { 'content-type': type } });
    expect(await post('{"name":', 'application/json')).toMatchObject({
      status: 400,
      body: { code: 'malformed-request' },
    });
    expect(await post('<a/>', 'application/xml')).toMatchObject({
      status: 415,
      body: { code: 'unsupported-media-type' },
    });
    const large = JSON.stringify({ name: 'x'.repeat(9 << 20) });
    expect(await post(large, 'application/json')).toMatchObject({ status: 413, body: { code: 'body-too-large' } });
  });

  test('health, readiness and metrics answer', async () => {
    expect(await plane.call('GET', '/healthz', { as: 'nobody' })).toMatchObject({
      status: 200,
      body: { status: 'ok' },
    });
    expect(await plane.call('GET', '/readyz', { as: 'nobody' })).toMatchObject({
      status: 200,
      body: { status: 'ready' },
    });
    const metrics = await plane.call<string>('GET', '/metrics', { as: 'vera' });
    expect(metrics.body).toContain('adloop_http_request_seconds_bucket');
  });

  test('the page needs a caller on this machine or a token', async () => {
    const from = (host: string) => plane.call<string>('GET', '/', { as: 'nobody', headers: { host } });
    expect((await from('localhost:4000')).status).toBe(200);
    expect((await from('evil.example')).status).toBe(401);
    const page = await from('127.0.0.1:4000');
    expect(page.headers['content-type']).toContain('text/html');
    expect(page.body).toContain('Champion per agent'.replace('Champion', 'champion'));
  });

  test('the status of an empty fleet is complete', async () => {
    const status = await plane.call('GET', '/api/v1/status', { as: 'vera' });
    expect(status).toMatchObject({
      status: 200,
      body: {
        fleet: 'demo',
        requestsPerSecond: 0,
        edges: [],
        lastBids: [],
        champions: [],
        rollout: null,
        training: null,
      },
    });
    expect((status.body.loop as { step: string }[]).map(({ step }) => step)).toEqual([
      'simulate',
      'log',
      'train',
      'gate',
      'shadow',
      'canary',
      'promote',
    ]);
  });
});
