import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export type Role = 'viewer' | 'ad-ops' | 'ml-lead' | 'release-manager' | 'on-call' | 'admin';

export interface ApiToken {
  name: string;
  role: Role;
  token: string;
}

export interface Keys {
  folder: string;
  /** Public halves that an edge trusts for snapshots and canary leases. */
  snapshotPublic: string;
  /** Public halves that an edge trusts for kill files. */
  operatorPublic: string;
  noticeKeyFile: string;
  edgeTokenFile: string;
  userHashKeyFile: string;
  tokens: ApiToken[];
}

/** One local user per role, and two release managers: the author of a release never approves it. */
const USERS: readonly { name: string; role: Role }[] = [
  { name: 'vera', role: 'viewer' },
  { name: 'adam', role: 'ad-ops' },
  { name: 'mila', role: 'ml-lead' },
  { name: 'alice', role: 'release-manager' },
  { name: 'bob', role: 'release-manager' },
  { name: 'oscar', role: 'on-call' },
  { name: 'root', role: 'admin' },
];

function writeOnce(file: string, make: () => string): void {
  if (!existsSync(file)) writeFileSync(file, make(), { mode: 0o600, flag: 'wx' });
}

function ed25519Pair(folder: string, name: string, publicFolder: string): void {
  const secret = path.join(folder, `${name}.pem`);
  const open = path.join(folder, `${name}.pub.pem`);
  if (!existsSync(secret)) {
    const pair = generateKeyPairSync('ed25519');
    writeFileSync(secret, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    writeFileSync(open, pair.publicKey.export({ type: 'spki', format: 'pem' }));
  }
  mkdirSync(publicFolder, { recursive: true });
  copyFileSync(open, path.join(publicFolder, `${name}.pub.pem`));
}

/** Makes the keys and tokens that are missing; those that exist stay, so a restart keeps every signature valid. */
export function ensureKeys(folder: string): Keys {
  const snapshotPublic = path.join(folder, 'snapshot-public');
  const operatorPublic = path.join(folder, 'operator-public');
  ed25519Pair(folder, 'snapshot', snapshotPublic);
  for (const name of ['operator-a', 'operator-b']) ed25519Pair(folder, name, operatorPublic);
  const file = (name: string): string => path.join(folder, name);
  writeOnce(file('notice.key'), () => randomBytes(32).toString('hex') + '\n');
  writeOnce(file('user-hash.key'), () => randomBytes(32).toString('hex') + '\n');
  writeOnce(file('edge.token'), () => `edge_${randomBytes(24).toString('base64url')}\n`);
  writeOnce(file('tokens.json'), () => {
    const tokens = USERS.map((user) => ({ ...user, token: `adl_${randomBytes(24).toString('base64url')}` }));
    return JSON.stringify(tokens, null, 2) + '\n';
  });
  return {
    folder,
    snapshotPublic,
    operatorPublic,
    noticeKeyFile: file('notice.key'),
    edgeTokenFile: file('edge.token'),
    userHashKeyFile: file('user-hash.key'),
    tokens: JSON.parse(readFileSync(file('tokens.json'), 'utf8')) as ApiToken[],
  };
}
