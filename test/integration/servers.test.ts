import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { Client } from 'pg';
import { removeHomes } from '../../scripts/setup';
import { startStack, type Stack } from '../../scripts/stack';
import { SEARCH_ATTRIBUTE_NAMES } from '../../workflows/search-attributes';

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows as unknown[];
  } finally {
    await client.end();
  }
}

async function registeredAttributes(stack: Stack): Promise<string[]> {
  const connection = await Connection.connect({ address: stack.urls.temporalAddress });
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: 'default' });
  await connection.close();
  return Object.keys(customAttributes ?? {});
}

describe('servers of a stack', () => {
  let folder: string;
  let stack: Stack | undefined;

  beforeEach(() => {
    // A home that other users cannot enter: as root, Postgres must find another place for its data.
    folder = mkdtempSync(path.join(tmpdir(), 'adloop-stack-'));
    chmodSync(folder, 0o700);
  });

  afterEach(async () => {
    await stack?.stop();
    removeHomes(folder);
  });

  const start = async (): Promise<Stack> =>
    (stack = await startStack({ home: folder, parts: ['postgres', 'temporal'] }));

  test('a row and the search attributes survive kill -9 and a restart in the same home', async () => {
    const first = await start();
    expect(await registeredAttributes(first)).toEqual(expect.arrayContaining([...SEARCH_ATTRIBUTE_NAMES]));
    await query(first.urls.postgres, 'create table kept (n int); insert into kept values (7)');
    await first.killPart('postgres');
    await first.killPart('temporal');
    await first.start('postgres');
    await first.start('temporal');
    expect(await query(first.urls.postgres, 'select n from kept')).toEqual([{ n: 7 }]);
    await first.stop();
    const second = await start();
    expect(await query(second.urls.postgres, 'select n from kept')).toEqual([{ n: 7 }]);
    expect(await registeredAttributes(second)).toEqual(expect.arrayContaining([...SEARCH_ATTRIBUTE_NAMES]));
  });

  test('a running stack is described in run/stack.json, refuses a second one in its home, and leaves no process', async () => {
    const first = await start();
    const file = path.join(folder, 'run/stack.json');
    const described = JSON.parse(readFileSync(file, 'utf8')) as { processes: { name: string; pid: number }[] };
    expect(described.processes.map(({ name }) => name)).toEqual(['postgres', 'temporal']);
    await expect(startStack({ home: folder, parts: [] })).rejects.toThrow(
      /Adloop runs already in .* stop it with Ctrl-C/,
    );
    await first.stop();
    expect(existsSync(file)).toBe(false);
    for (const { pid } of described.processes) expect(existsSync(`/proc/${pid}`)).toBe(false);
  });

  test('a stack.json left by a killed supervisor is forgotten', async () => {
    mkdirSync(path.join(folder, 'run'), { recursive: true });
    const left = { supervisorPid: 2 ** 22 + 1, startedAt: '', urls: { controlPlane: '' }, processes: [] };
    writeFileSync(path.join(folder, 'run/stack.json'), JSON.stringify(left));
    const running = await start();
    await sleep(0);
    expect(running.pid('postgres')).toBeGreaterThan(0);
  });
});
