import net from 'node:net';
import { accepts, assertFree, freePort, freePorts } from './ports';

describe('ports', () => {
  test('free ports differ from each other', async () => {
    const ports = await freePorts(5);
    expect(new Set(ports).size).toBe(5);
  });

  test('a port in use is refused in one line that names the variable', async () => {
    const port = await freePort();
    const server = net.createServer().listen(port, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    expect(await accepts(port)).toBe(true);
    await expect(assertFree(port, 'edge', 'ADLOOP_EDGE_PORT')).rejects.toThrow(
      `port ${port} (edge) is in use: stop what listens there, or choose another with ADLOOP_EDGE_PORT=<port> npm start`,
    );
    await new Promise((resolve) => server.close(resolve));
    expect(await accepts(port)).toBe(false);
    await expect(assertFree(port, 'edge', 'ADLOOP_EDGE_PORT')).resolves.toBeUndefined();
  });
});
