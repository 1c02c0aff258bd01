import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from '../../../../activities/page-activities';
import type { IntentRepository } from '../ledger/intent.repository';
import { setLogLevel } from '../logger';
import { type PageChannel, WebhookChannel } from './page-channel';
import { Pager } from './pager.service';

const page: Page = {
  key: 'rollout/rol_1/page/roll-back-slow/1/x',
  kind: 'roll-back-slow',
  cell: 'default',
  agent: 'bid',
  subject: 'rol_1',
  reason: 'nobody acknowledges',
};
const ledger = () => {
  const entries: { key: string }[] = [];
  const append = (intent: { key: string }) => {
    entries.push(intent);
    return Promise.resolve(intent);
  };
  return { entries, repository: { append } as unknown as IntentRepository };
};

describe('Pager', () => {
  beforeAll(() => setLogLevel('silent'));

  it('writes the ledger first and survives channels that fail, and ones that hang', async () => {
    jest.useFakeTimers();
    try {
      const { entries, repository } = ledger();
      const heard: string[] = [];
      const channels: PageChannel[] = [
        { name: 'hangs', deliver: () => new Promise(() => undefined) },
        { name: 'fails', deliver: () => Promise.reject(new Error('down')) },
        { name: 'works', deliver: ({ key }) => Promise.resolve(void heard.push(key)) },
      ];
      const raised = new Pager(repository, channels).raise(page);
      await jest.advanceTimersByTimeAsync(5_000);
      await raised;
      expect(entries).toMatchObject([{ key: `page/${page.key}`, kind: 'page.raised', action: { page: page.kind } }]);
      expect(heard).toEqual([page.key]);
    } finally {
      jest.useRealTimers();
    }
  });

  describe('webhook', () => {
    let server: Server;
    let url: string;
    let answer: number;
    const seen: { body: string; signature: unknown }[] = [];
    beforeAll(async () => {
      server = createServer((request, response) => {
        let body = '';
        request.on('data', (chunk: Buffer) => (body += chunk.toString()));
        request.on('end', () => {
          seen.push({ body, signature: request.headers['x-adloop-signature'] });
          if (answer === 0) return;
          response.writeHead(answer, { location: 'http://127.0.0.1:1/' }).end();
        });
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    });
    afterAll(() => {
      server.closeAllConnections();
      server.close();
    });

    const deliver = (ms = 2_000) => new WebhookChannel(url, 'secret').deliver(page, AbortSignal.timeout(ms));

    it('posts the page, signed', async () => {
      answer = 204;
      await deliver();
      expect(JSON.parse(seen.at(-1)!.body)).toEqual(page);
      expect(seen.at(-1)!.signature).toMatch(/^sha256=[0-9a-f]{64}$/);
    });

    it.each([
      ['an error', 500],
      ['a redirect', 302],
    ])('counts %s as not delivered', async (_name, status) => {
      answer = status;
      await expect(deliver()).rejects.toThrow();
    });

    it('ends with its signal when nobody answers', async () => {
      answer = 0;
      await expect(deliver(50)).rejects.toThrow(/abort|timeout/i);
    });
  });
});
