import { createServer, type Server } from 'node:http';

/** What the control port can do with a running simulator. */
export interface SimulatorControl {
  stats(): Record<string, unknown>;
  setRate(requestsPerSecond: number): void;
  /** Stops traffic and waits until every notice is answered or given up. */
  drain(): Promise<Record<string, unknown>>;
}

const MAX_RATE = 20_000;

/** GET /stats, POST /rate {requestsPerSecond}, POST /stop; on loopback only. */
export function startControlServer(control: SimulatorControl, port: number, host: string): Promise<Server> {
  const server = createServer((request, response) => {
    const answer = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    const route = `${request.method} ${request.url}`;
    if (route === 'GET /stats') return answer(200, control.stats());
    if (route === 'POST /stop') return void control.drain().then((stats) => answer(200, stats));
    if (route !== 'POST /rate') return answer(404, { code: 'NOT_FOUND', detail: 'GET /stats, POST /rate, POST /stop' });
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8').slice(0, 1000)));
    request.on('end', () => {
      const rate = readRate(body);
      if (rate === null) return answer(400, { code: 'BAD_RATE', detail: `requestsPerSecond must be 0..${MAX_RATE}` });
      control.setRate(rate);
      answer(200, control.stats());
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}

function readRate(body: string): number | null {
  try {
    const rate = (JSON.parse(body) as { requestsPerSecond?: unknown }).requestsPerSecond;
    return typeof rate === 'number' && rate >= 0 && rate <= MAX_RATE ? rate : null;
  } catch {
    return null;
  }
}
