import net from 'node:net';
import type { WantedPort } from './environment';
import { SetupError } from './setup-error';

const HOST = '127.0.0.1';

function listen(port: number): Promise<net.Server> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen({ port, host: HOST, exclusive: true }, () => resolve(server));
  });
}

function close(server: net.Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** `count` different ports of the loopback interface that nothing listens on now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers: net.Server[] = [];
  for (let i = 0; i < count; i++) servers.push(await listen(0));
  const ports = servers.map((server) => (server.address() as net.AddressInfo).port);
  await Promise.all(servers.map(close));
  return ports;
}

/** One free port. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port!;
}

/** Whether nothing listens on this port now. */
export async function isFree(port: number): Promise<boolean> {
  try {
    await close(await listen(port));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw error;
  }
}

/**
 * The wanted port when it is free. A default in use gives way to a free port, and says so; one that was asked for is
 * refused in one line that says what to do.
 */
export async function settlePort(wanted: WantedPort, say: (line: string) => void): Promise<number> {
  const { port, what, variable, explicit } = wanted;
  if (await isFree(port)) return port;
  if (explicit) {
    throw new SetupError(
      `port ${port} (${what}) is in use: stop what listens there, or set ${variable} to another port`,
    );
  }
  const other = await freePort();
  say(`port ${port} (${what}) is in use, taking ${other}; set ${variable} to choose`);
  return other;
}

/** Whether something accepts connections on the port. */
export function accepts(port: number, host: string = HOST): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host, timeout: 1000 });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
}
