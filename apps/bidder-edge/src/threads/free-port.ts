import { createServer } from 'node:net';

/** Makes sure that nobody listens on a port. @throws ErrnoException EADDRINUSE */
export async function requirePort(host: string, port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, resolve);
  });
  await new Promise((resolve) => server.close(resolve));
}
