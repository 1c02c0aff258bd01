import type { NoticeKind } from '#domain/contracts';
import type { NoticeReceiver } from '../notices/receive-notice';
import { problemResponse } from './problem';
import type { EdgeRequest, EdgeResponse, Handler } from './message';

/** What load balancers and scrapers ask. */
export interface ProbePorts {
  metrics(): string;
  /** Null when ready, else why not. */
  notReady(): string | null;
}

export interface RoutePorts extends ProbePorts {
  bid(exchange: string, request: EdgeRequest): EdgeResponse | Promise<EdgeResponse>;
  notices: NoticeReceiver;
  /** Whether strangers may reach this port: they are not told what is spent. */
  isPublic: boolean;
}

const BID_PREFIX = '/openrtb2/';
const NOTICE_PREFIX = '/n/';
/** A map, not an object: `/n/constructor` is no notice. */
const NOTICES: ReadonlyMap<string, NoticeKind> = new Map([
  ['win', 'win'],
  ['bill', 'bill'],
  ['loss', 'loss'],
  ['click', 'click'],
  ['conv', 'conversion'],
  ['view', 'view'],
]);
const JSON_TYPE = { 'content-type': 'application/json', 'cache-control': 'no-store' };

/** The edge's routes: bids, notices, health, metrics. */
export function routes(ports: RoutePorts): Handler {
  return (request) => {
    const { path } = request;
    if (path.startsWith(BID_PREFIX)) {
      if (request.method !== 'POST') return wrongMethod('POST');
      return ports.bid(path.slice(BID_PREFIX.length), request);
    }
    const kind = path.startsWith(NOTICE_PREFIX) ? NOTICES.get(path.slice(NOTICE_PREFIX.length)) : undefined;
    if (kind !== undefined) return request.method === 'GET' ? notice(ports, kind, request) : wrongMethod('GET');
    const page = PROBE_PAGES[path];
    if (page === undefined || (ports.isPublic && path === METRICS_PATH))
      return problemResponse(404, 'NO_ROUTE', `nothing lives at ${path}`);
    return request.method === 'GET' ? page(ports) : wrongMethod('GET');
  };
}

/** Whether only this machine can reach what listens there. */
export const isLoopback = (host: string): boolean => /^(127\.|::1$|localhost$)/.test(host);

export const METRICS_PATH = '/metrics';

/** Pages that the bid port and the admin port share: a load balancer asks the port that it routes to. */
export const PROBE_PAGES: Readonly<Record<string, (ports: ProbePorts) => EdgeResponse>> = {
  '/healthz': () => ({ status: 200, headers: { ...JSON_TYPE }, body: '{"status":"ok"}' }),
  '/readyz': (ports) => {
    const reason = ports.notReady();
    if (reason === null) return { status: 200, headers: { ...JSON_TYPE }, body: '{"status":"ready"}' };
    return problemResponse(503, 'NOT_READY', reason);
  },
  [METRICS_PATH]: (ports) => ({
    status: 200,
    headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
    body: ports.metrics(),
  }),
};

export const wrongMethod = (allow: string): EdgeResponse =>
  problemResponse(405, 'WRONG_METHOD', `only ${allow} is allowed here`, undefined, { allow });

async function notice(ports: RoutePorts, kind: NoticeKind, request: EdgeRequest): Promise<EdgeResponse> {
  const answer = await ports.notices.receive(kind, new URLSearchParams(request.query));
  const body = JSON.stringify({ status: answer.result });
  if (answer.status === 302 && answer.landingUrl !== null)
    return { status: 302, headers: { location: answer.landingUrl, 'cache-control': 'no-store' }, body: null };
  if (answer.status === 200) return { status: 200, headers: { ...JSON_TYPE }, body };
  return problemResponse(answer.status, `NOTICE_${answer.result.toUpperCase().replaceAll('-', '_')}`, NOTICE_DETAIL);
}

const NOTICE_DETAIL = 'the notice changed nothing';
