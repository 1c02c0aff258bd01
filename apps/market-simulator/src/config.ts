import { parseArgs } from 'node:util';

/** What one simulator process does. Read once; every fault is reported together. */
export interface SimulatorConfig {
  scenario: string;
  /** Base URLs of the edges; a user always meets the same one. */
  edgeUrls: string[];
  regime: string;
  requestsPerSecond: number | null;
  seed: number | null;
  ackLog: string | null;
  controlPort: number | null;
  controlHost: string;
  /** Stop by itself after so many seconds; 0 = never. */
  seconds: number;
}

export class UsageError extends Error {}

/** Reads the command line. @throws UsageError naming every fault */
export function readConfig(args: string[]): SimulatorConfig {
  const { values } = parseArgs({
    args,
    options: {
      scenario: { type: 'string' },
      edge: { type: 'string' },
      /** Kept for readability of a process list: the scenario names the exchanges. */
      exchange: { type: 'string' },
      regime: { type: 'string', default: 'stationary' },
      rate: { type: 'string' },
      seed: { type: 'string' },
      'ack-log': { type: 'string' },
      'control-port': { type: 'string' },
      'control-host': { type: 'string', default: '127.0.0.1' },
      seconds: { type: 'string', default: '0' },
    },
  });
  const faults: string[] = [];
  const numberOf = (name: 'rate' | 'seed' | 'control-port' | 'seconds', min: number): number | null => {
    const text = values[name];
    if (text === undefined) return null;
    const value = Number(text);
    if (Number.isFinite(value) && value >= min) return value;
    faults.push(`--${name} must be a number of at least ${min}, not "${text}"`);
    return null;
  };
  if (!values.scenario) faults.push('--scenario FILE is missing');
  const edgeUrls = (values.edge ?? '').split(',').map((url) => url.replace(/\/$/, ''));
  if (!edgeUrls.every((url) => URL.canParse(url)))
    faults.push('--edge must be the URL of an edge, or several with commas');
  const config = {
    scenario: values.scenario ?? '',
    edgeUrls,
    regime: values.regime,
    requestsPerSecond: numberOf('rate', 0),
    seed: numberOf('seed', 0),
    ackLog: values['ack-log'] ?? null,
    controlPort: numberOf('control-port', 1),
    controlHost: values['control-host'],
    seconds: numberOf('seconds', 0) ?? 0,
  };
  if (faults.length > 0) throw new UsageError(faults.join('\n'));
  return config;
}
