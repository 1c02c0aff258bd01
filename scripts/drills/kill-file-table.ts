import type { KillFileReport, MeasuredChange } from './kill-file';
import { textTable } from './text-table';

const ms = (value: number | null): string => (value === null ? 'never' : `${Math.round(value)} ms`);
const worstOf = (rows: readonly MeasuredChange[], which: 'firstObeyingMs' | 'lastDisobeyingMs'): number =>
  Math.max(...rows.map((row) => row[which] ?? 0));

/** One line a change (the slowest of its edges) and one a file that had to change nothing. */
export function killFileTable(report: KillFileReport): string {
  const numbers = [...new Set(report.rows.map(({ change }) => change))];
  const changes = numbers.map((change) => {
    const rows = report.rows.filter((row) => row.change === change);
    const never = rows.some(({ firstObeyingMs }) => firstObeyingMs === null);
    return [
      `${change} ${rows[0]!.name}`,
      String(rows.reduce((sum, { responses }) => sum + responses, 0)),
      never ? 'never' : ms(worstOf(rows, 'firstObeyingMs')),
      ms(worstOf(rows, 'lastDisobeyingMs')),
    ];
  });
  const refused = [...report.forgeries, { name: 'lift by one operator', level: 'stopped', ...report.oneKeyLift }];
  return [
    `${report.edges} edges, ${report.requestsPerSecondPerEdge} responses/s each; dead: ${report.dead.join(', ')}; worst ${ms(report.worstMs)}`,
    '',
    textTable(['change', 'responses', 'first obeying', 'last not obeying'], changes),
    '',
    textTable(
      ['file that must change nothing', 'level', 'responses', 'changed'],
      refused.map(({ name, level, responses, changed }) => [name, level, String(responses), String(changed)]),
    ),
  ].join('\n');
}
