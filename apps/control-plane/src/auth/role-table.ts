/** Roles of people and programs. Everyone may read what a viewer reads; `admin` may do everything but act as an edge. */
export const ROLES = ['viewer', 'ad-ops', 'ml-lead', 'release-manager', 'on-call', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/**
 * Who may call a route: `public` anyone; `loopback` anyone on this machine (and any role); `edge` the fleet's edges;
 * otherwise the roles listed (admin always may).
 */
export type Access = 'public' | 'loopback' | 'edge' | readonly Role[];

const ANY_ROLE: Access = ROLES;
const AD_OPS: Access = ['ad-ops'];
const LEARNING: Access = ['ml-lead'];
const RELEASE: Access = ['release-manager'];
/** The audit names people and addresses. */
const AUDIT: Access = ['on-call'];
const STOPPING: Access = ['release-manager', 'on-call'];

/**
 * The role × route table: the only statement of who may do what. A route that is not here is refused to everybody
 * (`role-table.test` compares it with the routes the server really has).
 */
export const ROLE_TABLE: Readonly<Record<string, Access>> = {
  // health, page, documents
  'GET /': 'loopback',
  'GET /page/status': 'loopback',
  'GET /page/style.css': 'public',
  'GET /page/page.js': 'public',
  'GET /healthz': 'public',
  'GET /readyz': 'public',
  'GET /metrics': 'loopback',
  'GET /openapi.json': 'public',
  'GET /api/v1/status': ANY_ROLE,
  // campaigns
  'GET /api/v1/advertisers': ANY_ROLE,
  'POST /api/v1/advertisers': AD_OPS,
  'GET /api/v1/advertisers/:advertiserId': ANY_ROLE,
  'GET /api/v1/campaigns': ANY_ROLE,
  'POST /api/v1/campaigns': AD_OPS,
  'GET /api/v1/campaigns/:campaignId': ANY_ROLE,
  'PATCH /api/v1/campaigns/:campaignId': AD_OPS,
  'GET /api/v1/campaigns/:campaignId/budget': ANY_ROLE,
  'GET /api/v1/creatives': ANY_ROLE,
  'POST /api/v1/creatives': AD_OPS,
  'GET /api/v1/creatives/:creativeId': ANY_ROLE,
  'PATCH /api/v1/creatives/:creativeId': AD_OPS,
  'GET /api/v1/exchanges': ANY_ROLE,
  'GET /api/v1/exchanges/:exchange': ANY_ROLE,
  'PUT /api/v1/exchanges/:exchange': AD_OPS,
  'GET /api/v1/reconciliations': ANY_ROLE,
  'POST /api/v1/reconciliations': AD_OPS,
  'GET /api/v1/reconciliations/:reportId': ANY_ROLE,
  // edges
  'GET /api/v1/edges': ANY_ROLE,
  'GET /api/v1/snapshots': ANY_ROLE,
  'GET /api/v1/snapshots/:snapshotId': ANY_ROLE,
  'GET /edge/v1/snapshot': 'edge',
  'GET /edge/v1/artifacts/:sha256': 'edge',
  'POST /edge/v1/heartbeat': 'edge',
  'PUT /edge/v1/segments/:edgeId/:segmentId': 'edge',
  // ledger
  'GET /api/v1/intents': ANY_ROLE,
  'GET /api/v1/intents/active': ANY_ROLE,
  'GET /api/v1/messages/dead': ANY_ROLE,
  'POST /api/v1/messages/dead/retry': ['on-call'],
  'GET /api/v1/ledger/verification': ANY_ROLE,
  'GET /api/v1/ledger/export': ANY_ROLE,
  'GET /api/v1/audit': AUDIT,
  'GET /api/v1/audit/verification': ANY_ROLE,
  'GET /api/v1/audit/export': AUDIT,
  // lake
  'GET /api/v1/bids/recent': ANY_ROLE,
  'GET /api/v1/decisions/:decisionId': ANY_ROLE,
  'POST /api/v1/decisions/export': ANY_ROLE,
  'POST /api/v1/decisions/replay': ANY_ROLE,
  'POST /api/v1/decisions/try': ANY_ROLE,
  'GET /api/v1/lake/reconciliation': ANY_ROLE,
  'GET /api/v1/lake/features/check': ANY_ROLE,
  // registry
  'GET /api/v1/models': ANY_ROLE,
  'POST /api/v1/models': LEARNING,
  'GET /api/v1/models/production': ANY_ROLE,
  'GET /api/v1/models/:modelVersionId': ANY_ROLE,
  // training
  'GET /api/v1/training': ANY_ROLE,
  'POST /api/v1/training': LEARNING,
  'GET /api/v1/training/:workflowId': ANY_ROLE,
  'POST /api/v1/training/:workflowId/cancel': ['ml-lead', 'release-manager'],
  'GET /api/v1/incidents': ANY_ROLE,
  'POST /api/v1/incidents': ['ml-lead', 'release-manager', 'on-call'],
  'POST /api/v1/incidents/:incidentId/close': ['ml-lead', 'release-manager', 'on-call'],
  'GET /api/v1/schedules': ANY_ROLE,
  'POST /api/v1/schedules/:name/pause': ['ml-lead', 'release-manager', 'on-call'],
  'POST /api/v1/schedules/:name/resume': LEARNING,
  // rollouts
  'GET /api/v1/rollouts': ANY_ROLE,
  'POST /api/v1/rollouts': ['ml-lead', 'release-manager'],
  'GET /api/v1/rollouts/:rolloutId': ANY_ROLE,
  'GET /api/v1/rollouts/:rolloutId/looks': ANY_ROLE,
  'GET /api/v1/rollouts/:rolloutId/approvals': ANY_ROLE,
  'POST /api/v1/rollouts/:rolloutId/approvals': RELEASE,
  'POST /api/v1/rollouts/:rolloutId/reject': RELEASE,
  'POST /api/v1/rollouts/:rolloutId/abort': ['ml-lead', 'release-manager', 'on-call'],
  'POST /api/v1/rollouts/:rolloutId/pause': STOPPING,
  'POST /api/v1/rollouts/:rolloutId/resume': STOPPING,
  'POST /api/v1/rollouts/:rolloutId/rollback': STOPPING,
  'POST /api/v1/rollbacks': STOPPING,
  // evidence
  'GET /api/v1/rollouts/:rolloutId/report': ANY_ROLE,
  'GET /api/v1/forecasts': ANY_ROLE,
  'POST /api/v1/rejudge': ['ml-lead', 'release-manager', 'on-call'],
  'GET /api/v1/rollouts/:rolloutId/edges': ANY_ROLE,
  'POST /api/v1/rollouts/:rolloutId/promote': RELEASE,
  // what holds releases: stopping needs no second person, lifting does
  'GET /api/v1/release-holds': ANY_ROLE,
  'POST /api/v1/release-holds/stop': ['ml-lead', 'release-manager', 'on-call'],
  'POST /api/v1/release-holds/resume': STOPPING,
  'POST /api/v1/release-holds/freezes': RELEASE,
  'POST /api/v1/release-holds/freezes/:freezeId/lift': RELEASE,
  // experiments
  'GET /api/v1/experiments': ANY_ROLE,
  'POST /api/v1/experiments': LEARNING,
  'GET /api/v1/experiments/:experimentId': ANY_ROLE,
  'GET /api/v1/experiments/:experimentId/looks': ANY_ROLE,
  'POST /api/v1/experiments/:experimentId/abort': ['ml-lead', 'release-manager', 'on-call'],
  'POST /api/v1/experiments/:experimentId/pause': ['ml-lead', 'release-manager', 'on-call'],
  'POST /api/v1/experiments/:experimentId/resume': STOPPING,
  'GET /api/v1/meta': ANY_ROLE,
  'GET /api/v1/meta/kpis': ANY_ROLE,
  'POST /api/v1/meta/:command': ['ml-lead', 'release-manager', 'on-call'],
};

/** Who may call `method pattern`, or null when the table does not know the route (then nobody may). */
export function accessOf(method: string, pattern: string): Access | null {
  return ROLE_TABLE[`${method} ${pattern}`] ?? null;
}
