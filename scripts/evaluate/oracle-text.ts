import type { OracleDocument, OracleGroupReport } from './oracle-document';

/** The document as a table for people: per group the largest error, and the case that has it. */
export function oracleTable(document: OracleDocument): string {
  const lines = [`${document.file}: numbers of the product beside the oracle's, tolerance ${document.tolerance}`, ''];
  for (const [name, group] of Object.entries(document.groups)) {
    const mark = group.passed ? 'ok    ' : 'DIFFER';
    lines.push(
      `${mark}  ${name.padEnd(20)} ${String(group.n).padStart(3)} cases, largest relative error ${group.maxRelativeError.toExponential(1)}   ${group.title}`,
      ...worstCase(group),
    );
  }
  if (document.skipped.length > 0) lines.push('', `skipped, not used by the product: ${document.skipped.join(', ')}`);
  if (document.missing.length > 0) lines.push(`not in the file: ${document.missing.join(', ')}`);
  return lines.join('\n');
}

function worstCase(group: OracleGroupReport): string[] {
  const index = group.cases.findIndex((report) => report.relativeError === group.maxRelativeError);
  const { computed, expected } = group.cases[index]!;
  return Object.keys(expected).map(
    (name) => `          case ${index} ${name}: computed ${computed[name]}, expected ${expected[name]}`,
  );
}
