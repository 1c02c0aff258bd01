import type { Stack } from '../stack';

/** What is running, where to look, and what one looks at. */
export function banner(stack: Stack): string {
  const { controlPlane, edge, edgeAdmins, temporalUi, temporalAddress } = stack.urls;
  const rows: [string, string][] = [
    ['loop', `${controlPlane}/`],
    ['API', `${controlPlane}/api/v1/status   (OpenAPI 3.1: ${controlPlane}/openapi.json)`],
    ['edge', `${edgeAdmins['edge-1'] ?? edge}/   (bids on POST ${edge}/openrtb2/demo)`],
    ['Temporal', temporalUi ?? `${temporalAddress} (your cluster)`],
    ['home', `${stack.home.root}   (logs/, keys/tokens.json; \`npm run adloop -- reset\` removes it)`],
  ];
  const table = rows.map(([name, value]) => `  ${name.padEnd(9)} ${value}`).join('\n');
  return `
Adloop is up: a simulated market sends OpenRTB requests to an edge bidder; four agents decide; wins, clicks and
conversions come back; the control plane learns from them, tests candidates and releases the better ones.
Demo regime, not calibrated.

${table}

  Try: npm run adloop -- status · npm run adloop -- doctor · npm run story
  Ctrl-C stops everything in order; the next start goes on where this one ended.

`;
}
