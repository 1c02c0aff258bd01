import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ConfigError, readConfig, redacted } from './config';

describe('configuration', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'adloop-config-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('runs alone from the shipped snapshot with nothing but a port', () => {
    const config = readConfig(['--snapshot', 'shipped', '--port', '9000', '--home', folder], {});
    expect(config).toMatchObject({
      source: 'shipped',
      controlPlaneUrl: null,
      port: 9000,
      host: '127.0.0.1',
      edgeId: 'edge-9000',
    });
    expect(config.noticeKeys[0].length).toBe(32);
    const again = readConfig(['--snapshot=shipped', '--port=9000', `--home=${folder}`], {});
    expect(again.noticeKeys[0].equals(config.noticeKeys[0])).toBe(true);
  });

  it('puts the admin port beside the bid port, on this machine only, unless told otherwise', () => {
    const read = (env: Record<string, string>) => readConfig(['--snapshot', 'shipped', '--home', folder], env);
    expect(read({})).toMatchObject({ port: 7080, adminPort: 7090, adminHost: '127.0.0.1' });
    expect(read({ EDGE_PORT: '0' }).adminPort).toBe(0);
    expect(read({ EDGE_PORT: '65530' }).adminPort).toBe(0);
    expect(read({ EDGE_PORT: '65530', EDGE_ADMIN_PORT: '9', EDGE_ADMIN_HOST: '::' })).toMatchObject({
      adminPort: 9,
      adminHost: '::',
    });
  });

  it('takes a base of notices that can stand in JSON and in markup as it is', () => {
    const read = (url: string) =>
      readConfig(['--snapshot', 'shipped', '--home', folder], { NOTICE_BASE_URL: url }).noticeBaseUrl;
    expect(read('https://n.example/adloop//')).toBe('https://n.example/adloop');
    for (const bad of ['n.example', 'ftp://n.example', 'https:///x', 'https://n.example/"', 'https://n.example/a\\b'])
      expect(() => read(bad)).toThrow(ConfigError);
  });

  it('names every fault at once', () => {
    const env = {
      EDGE_ID: 'a b',
      EDGE_PORT: 'x',
      CONTROL_PLANE_URL: 'ftp://x',
      NOTICE_KEY_FILE: '/nowhere',
      EDGE_COMMIT_EVERY_MS: '51',
      EDGE_REDIS_URL: 'http://user:hunter2@redis',
      EDGE_REDIS_TIMEOUT_MS: '0',
      EDGE_REDIS_PASSWORD_FILE: '/nowhere',
    };
    let faults: readonly string[] = [];
    try {
      readConfig(['--verbose'], env);
    } catch (error) {
      faults = (error as ConfigError).faults;
    }
    for (const name of [
      '--verbose',
      'EDGE_ID',
      'EDGE_PORT',
      'CONTROL_PLANE_URL',
      'NOTICE_KEY_FILE',
      'EDGE_COMMIT_EVERY_MS',
      'EDGE_REDIS_URL',
      'EDGE_REDIS_TIMEOUT_MS',
      'EDGE_REDIS_PASSWORD_FILE',
    ])
      expect(faults.join('\n')).toContain(name);
    expect(faults.join('\n')).not.toContain('hunter2');
  });

  it('asks for keys and token when there is a control plane', () => {
    expect(() => readConfig([], { CONTROL_PLANE_URL: 'http://127.0.0.1:7070', EDGE_HOME: folder })).toThrow(
      /SNAPSHOT_KEYS_DIR[\s\S]*EDGE_TOKEN_FILE[\s\S]*NOTICE_KEY_FILE[\s\S]*USER_HASH_KEY_FILE/,
    );
  });

  it('prints no secret', () => {
    const file = path.join(folder, 'notice.key');
    writeFileSync(file, 'ab'.repeat(32));
    const EDGE_REDIS_URL = 'redis://user:hunter2@redis.example:6380/1';
    const config = readConfig(['--snapshot', 'shipped', '--home', folder], { NOTICE_KEY_FILE: file, EDGE_REDIS_URL });
    expect(config).toMatchObject({ redisUrl: EDGE_REDIS_URL, redisPassword: null, redisTimeoutMs: 2 });
    expect(JSON.stringify(redacted(config))).not.toContain('hunter2');
    expect(redacted(config)).toMatchObject({ redisUrl: 'redis.example:6380', redisPassword: 'none' });
    expect(JSON.stringify(redacted(config))).not.toContain(config.userHashKey.toString('hex'));
    expect(redacted(config)).toMatchObject({ noticeKeys: 1, userHashKey: 'set' });
  });
});
