import net from 'node:net';
import { accepts, freePort, freePorts, settlePort } from './ports';

describe('ports', () => {
  test('free ports differ from each other', async () => {
    const ports = await freePorts(5);
    expect(new Set(ports).size).toBe(5);
  });

  test('a default port in use gives way; one that was asked for is refused in one line that says what to do', async () => {
    const port = await freePort();
    const wanted = { what: 'edge', variable: 'ADLOOP_EDGE_PORT', port, explicit: true };
    const said: string[] = [];
    const say = (line: string): number => said.push(line);
    const server = net.createServer().listen(port, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    expect(await accepts(port)).toBe(true);
    await expect(settlePort(wanted, say)).rejects.toThrow(
      `port ${port} (edge) is in use: stop what listens there, or set ADLOOP_EDGE_PORT to another port`,
    );
    const other = await settlePort({ ...wanted, explicit: false }, say);
    expect(other).not.toBe(port);
    expect(said).toEqual([`port ${port} (edge) is in use, taking ${other}; set ADLOOP_EDGE_PORT to choose`]);
    await new Promise((resolve) => server.close(resolve));
    expect(await accepts(port)).toBe(false);
    await expect(settlePort(wanted, say)).resolves.toBe(port);
  });
});
