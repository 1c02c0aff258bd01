import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { uniformPolicy, type ActionTable, type TabularLog } from '#domain/evaluation/tabular-policy';
import { columnIndex, firstExisting, numberAt, readCsv, type CsvTable } from './csv-table';
import { EvaluateFault } from './evaluate-fault';

/** Where one evaluation reads from. */
export interface OpenBanditQuery {
  dir: string;
  campaign: string;
  /** Policy that logged, and the one to evaluate. */
  from: string;
  to: string;
  /** Only the first rows of the log, or all. */
  rows: number | null;
}

/** The log and the evaluated policy over one table of items × positions. */
export interface OpenBanditData {
  log: TabularLog;
  evaluated: ActionTable;
}

const UNIFORM = 'random';
const SUM_TOLERANCE = 1e-3;
const AFFINITY = /^user-item_affinity_(\d+)$/;
const POSITION = /^p_pos(\d+)$/;
const LOG_FILE = /^(.+)_([^_]+)\.csv(\.gz)?$/;

/**
 * Reads a campaign of the Open Bandit format: `{campaign}_{policy}.csv[.gz]` logs; `{policy}_action_dist_{campaign}.csv` holds
 * an evaluated policy; `random` is uniform over the items. Sizes come from the data.
 * @throws EvaluateFault for whatever is missing or wrong
 */
export function readOpenBandit(query: OpenBanditQuery): OpenBanditData {
  const { dir, campaign, from, to } = query;
  if (!existsSync(dir) || !statSync(dir).isDirectory())
    throw new EvaluateFault('DATA_DIR_NOT_FOUND', 3, `no folder ${dir}`, 'it holds the logs', 'pass --data DIR');
  const path = firstExisting([join(dir, `${campaign}_${from}.csv.gz`), join(dir, `${campaign}_${from}.csv`)]);
  if (!path) throw missingLog(dir, campaign, from);
  const table = readCsv(path);
  if (query.rows !== null) table.rows.splice(query.rows);
  const rows = readRows(table);
  const distribution = to === UNIFORM ? null : readDistribution(dir, campaign, to);
  const actions = itemCount(dir, campaign, from, table, rows, distribution);
  const positions = Math.max(rows.position.reduce((a, b) => Math.max(a, b), 0) + 1, distribution?.positions ?? 0);
  const evaluated = distribution ? spread(distribution, actions, positions) : uniformPolicy(actions, positions);
  return { log: { actions, positions, ...rows }, evaluated };
}

function missingLog(dir: string, campaign: string, from: string): EvaluateFault {
  const logs = readdirSync(dir)
    .map((file) => LOG_FILE.exec(file))
    .filter((match) => match !== null)
    .map((match) => ({ campaign: match[1]!, policy: match[2]! }))
    .filter(
      (log) => !log.campaign.includes('action_dist') && log.policy !== 'context' && !log.campaign.startsWith('rows_'),
    );
  const policies = [...new Set(logs.filter((log) => log.campaign === campaign).map((log) => log.policy))];
  if (policies.length === 0) {
    const campaigns = [...new Set(logs.map((log) => log.campaign))].join(', ') || 'none';
    return new EvaluateFault(
      'CAMPAIGN_NOT_FOUND',
      3,
      `no campaign ${campaign}`,
      `campaigns in ${dir}: ${campaigns}`,
      'pass --campaign with one of them',
    );
  }
  return new EvaluateFault(
    'LOG_NOT_FOUND',
    3,
    `no log of policy ${from} for campaign ${campaign}`,
    `${campaign}_${from}.csv.gz is not in ${dir}; logged policies: ${policies.join(', ')}`,
    'pass --from with one of them',
  );
}

type LogRows = Pick<TabularLog, 'action' | 'position' | 'reward' | 'propensity'>;

function readRows(table: CsvTable): LogRows {
  const n = table.rows.length;
  const columns = {
    item: columnIndex(table, 'item_id'),
    position: columnIndex(table, 'position'),
    click: columnIndex(table, 'click'),
    propensity: columnIndex(table, 'propensity_score'),
  };
  const rows: LogRows = {
    action: new Int32Array(n),
    position: new Int32Array(n),
    reward: new Float64Array(n),
    propensity: new Float64Array(n),
  };
  for (let row = 0; row < n; row++) {
    rows.action[row] = numberAt(table, row, columns.item, 0, 1e6, true);
    rows.position[row] = numberAt(table, row, columns.position, 1, 1000, true) - 1;
    rows.reward[row] = numberAt(table, row, columns.click, 0, 1, true);
    rows.propensity[row] = numberAt(table, row, columns.propensity, 0, 1);
  }
  return rows;
}

interface Distribution {
  items: number[];
  positions: number;
  /** Per item, per position. */
  values: number[][];
}

function readDistribution(dir: string, campaign: string, policy: string): Distribution {
  const name = `${policy}_action_dist_${campaign}.csv`;
  const path = firstExisting([join(dir, name), join(dir, `${name}.gz`)]);
  if (!path)
    throw new EvaluateFault(
      'POLICY_NOT_FOUND',
      3,
      `no distribution of policy ${policy} for campaign ${campaign}`,
      `${name} is not in ${dir}; only ${UNIFORM} needs no file`,
      `add ${name} or pass --to ${UNIFORM}`,
    );
  const table = readCsv(path);
  const item = columnIndex(table, 'item_id');
  const columns = table.header.flatMap((column, index) => {
    const match = POSITION.exec(column);
    return match ? [{ index, position: Number(match[1]) }] : [];
  });
  if (columns.length === 0) columnIndex(table, 'p_pos1');
  columns.sort((a, b) => a.position - b.position);
  const found: Distribution = { items: [], positions: columns.length, values: [] };
  table.rows.forEach((_, row) => {
    found.items.push(numberAt(table, row, item, 0, 1e6, true));
    found.values.push(columns.map(({ index }) => numberAt(table, row, index, 0, 1)));
  });
  checkDistribution(found, table.file);
  return found;
}

function checkDistribution({ items, positions, values }: Distribution, file: string): void {
  const fault = (detail: string) =>
    new EvaluateFault('BAD_DISTRIBUTION', 2, `${file} is no policy`, detail, 'repair the file');
  if (new Set(items).size !== items.length) throw fault('an item is listed twice');
  for (let position = 0; position < positions; position++) {
    const sum = values.reduce((total, row) => total + row[position]!, 0);
    if (Math.abs(sum - 1) > SUM_TOLERANCE) throw fault(`column p_pos${position + 1} sums to ${sum}, not 1`);
  }
}

/** Items are 0..n−1: n covers the affinity columns, the item context, the policy's table and the log. */
function itemCount(
  dir: string,
  campaign: string,
  from: string,
  table: CsvTable,
  rows: LogRows,
  distribution: Distribution | null,
): number {
  const ids = [rows.action.reduce((a, b) => Math.max(a, b), 0)];
  for (const column of table.header) {
    const match = AFFINITY.exec(column);
    if (match) ids.push(Number(match[1]));
  }
  const context = firstExisting([join(dir, `${campaign}_${from}_item_context.csv`)]);
  if (context) {
    const items = readCsv(context);
    const item = columnIndex(items, 'item_id');
    items.rows.forEach((_, row) => ids.push(numberAt(items, row, item, 0, 1e6, true)));
  }
  if (distribution) ids.push(...distribution.items);
  return ids.reduce((a, b) => Math.max(a, b), 0) + 1;
}

/** The distribution as a full table; items it does not list are never shown by that policy. */
function spread(distribution: Distribution, actions: number, positions: number): ActionTable {
  if (distribution.positions < positions)
    throw new EvaluateFault(
      'BAD_DISTRIBUTION',
      2,
      'the policy does not cover every position',
      `the log has ${positions} positions, the policy's file ${distribution.positions}`,
      'add the missing p_pos columns',
    );
  const values = new Float64Array(actions * positions);
  distribution.items.forEach((item, row) =>
    distribution.values[row]!.forEach((value, position) => (values[item * positions + position] = value)),
  );
  return { actions, positions, values };
}
