import { isIP } from 'node:net';
import type { EdgeFacts } from '../edge-facts';
import { isLoopback, problemResponse, PROBE_PAGES, wrongMethod, type EdgeResponse, type Handler } from '../server';
import { campaignLines, campaignWhy } from './campaign-why';
import { edgeStatus } from './edge-status';
import { PAGE_HEADERS } from './page-parts';
import { statusPage } from './status-page';
import { whyPage } from './why-page';

/** Campaigns on the page, and on one page of /campaigns. */
const PAGE_CAMPAIGNS = 50;
const MOST_CAMPAIGNS = 500;
const MOST_SECONDS = 3600;

const JSON_HEADERS = {
  'content-type': 'application/json',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
};
const json = (value: unknown): EdgeResponse => ({
  status: 200,
  headers: { ...JSON_HEADERS },
  body: JSON.stringify(value),
});
const document = (text: string): EdgeResponse => ({ status: 200, headers: { ...PAGE_HEADERS }, body: text });

/** Whole number of a query within bounds; the fallback for anything else. */
function integerOf(query: URLSearchParams, name: string, fallback: number, most: number): number {
  const text = query.get(name);
  return text !== null && /^\d{1,6}$/.test(text) ? Math.min(most, Number(text)) : fallback;
}

/** A name that another site could point at this machine is no name of ours: the page would be read across sites. */
function isOwnName(host: string | string[] | undefined): boolean {
  if (typeof host !== 'string') return false;
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return name === 'localhost' || isIP(name) !== 0;
}

/** Read-only routes of the admin port: pages for people, the same as JSON, and the probes. */
export function adminRoutes(facts: EdgeFacts, metrics: () => string): Handler {
  const probes = { metrics, notReady: () => facts.notReady() };
  // Reached over the network it is behind whatever name and guard the operator has given it.
  const isLocal = isLoopback(facts.config.adminHost);
  return ({ method, path, query: text, headers }) => {
    if (method !== 'GET') return wrongMethod('GET');
    if (isLocal && !isOwnName(headers.host)) return problemResponse(421, 'WRONG_HOST', 'ask by 127.0.0.1 or localhost');
    const probe = PROBE_PAGES[path];
    if (probe !== undefined) return probe(probes);
    const query = new URLSearchParams(text);
    const nowMs = Date.now();
    if (path === '/') {
      const every = integerOf(query, 'every', 0, MOST_SECONDS);
      const campaigns = campaignLines(facts, nowMs, 0, PAGE_CAMPAIGNS);
      return document(statusPage(edgeStatus(facts, nowMs), campaigns, every === 0 ? null : every));
    }
    if (path === '/status') return json(edgeStatus(facts, nowMs));
    if (path === '/campaigns') {
      const limit = integerOf(query, 'limit', MOST_CAMPAIGNS, MOST_CAMPAIGNS);
      return json(campaignLines(facts, nowMs, integerOf(query, 'offset', 0, 999_999), limit));
    }
    return campaign(facts, path, nowMs) ?? problemResponse(404, 'NO_ROUTE', `nothing lives at ${path}`);
  };
}

function campaign(facts: EdgeFacts, path: string, nowMs: number): EdgeResponse | null {
  const [, encoded, why] = /^\/campaigns\/([^/]{1,200})(\/why)?$/.exec(path) ?? [];
  if (encoded === undefined) return null;
  let campaignId: string;
  try {
    campaignId = decodeURIComponent(encoded);
  } catch {
    return problemResponse(400, 'BAD_CAMPAIGN_ID', 'the id is not percent-encoded UTF-8');
  }
  const answer = campaignWhy(facts, campaignId, nowMs);
  if (answer.name === null && answer.looked.total === 0)
    return problemResponse(404, 'UNKNOWN_CAMPAIGN', `the snapshot served has no campaign '${campaignId}'`);
  return why === undefined ? document(whyPage(answer)) : json(answer);
}
