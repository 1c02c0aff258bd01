/** Everything that can be wrong with a training window. Codes are stable: API, manifest and alarms name them. */
export const DATA_FAULT_CODES = [
  'EMPTY_WINDOW',
  'TOO_FEW_ROWS',
  'ONE_CLASS',
  'SCHEMA_BROKEN',
  'DUPLICATE_ROWS',
  'ROWS_MISSING',
  'LABELS_LATE',
  'LABELS_IMMATURE',
  'STALE_WINDOW',
  'TIME_TRAVEL',
  'LABEL_COLUMN',
  'LEAKING_FEATURE',
  'CONTRADICTING_LABELS',
  'POISON_SUSPECTED',
  'NO_SUPPORT',
  'PROPENSITY_MISSING',
  'PROPENSITY_OVERLAP',
  'NO_EXPLORATION',
] as const;
export type DataFaultCode = (typeof DATA_FAULT_CODES)[number];

/** One thing found: `block` stops the run, `warn` is written down. `value` is what was measured, `bound` where it blocks. */
export interface DataFinding {
  code: DataFaultCode;
  severity: 'block' | 'warn';
  detail: string;
  value: number;
  bound: number;
}

/** Why a row does not train. */
export const FILTER_REASONS = [
  'duplicate',
  'bad-row',
  'contradiction',
  'price-outlier',
  'price-fraud',
  'click-fraud',
  'click-burst',
  'heavy-user',
] as const;
export type FilterReason = (typeof FILTER_REASONS)[number];

/** What the gate found; part of the manifest of every model that the window trains. */
export interface DataReport {
  verdict: 'pass' | 'block';
  rowsIn: number;
  rowsKept: number;
  wins: number;
  filtered: Record<FilterReason, number>;
  /** All faults at once, the blocking ones first. */
  findings: DataFinding[];
}

/** `LEAKING_FEATURE: …; TOO_FEW_ROWS: …`, or what was kept. */
export function dataSentence(report: DataReport): string {
  const blocks = report.findings.filter((finding) => finding.severity === 'block');
  if (blocks.length > 0) return blocks.map((finding) => `${finding.code}: ${finding.detail}`).join('; ');
  return `${report.rowsKept} of ${report.rowsIn} bids kept, ${report.wins} won, ${report.findings.length} warnings`;
}
