/** One JSON line on standard output: what docs/faults.md records of a long test. */
export function figure(what: string, figures: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify({ what, ...figures })}\n`);
}
