import { Client } from 'pg';
import type { DataSource } from 'typeorm';

/** Role that the application takes on: it may not UPDATE, DELETE or TRUNCATE a table that is append-only. */
export const APPLICATION_ROLE = 'adloop_app';

/** SQLSTATE of what a privileged owner elsewhere must do for us: no right to make or to take on the role. */
const NOT_ALLOWED = new Set(['42501', '22023', '42704']);
/** Roles belong to the whole server: another database's migration may be making the same one now. */
const RACED = new Set(['XX000', '23505', '42710']);
const ATTEMPTS = 8;

/** How the application reaches its database. */
export interface ApplicationAccess {
  url: string;
  /** Start-up options of every connection, or undefined. */
  options: string | undefined;
  /** Whether the database itself refuses it to change the ledger; false = only the triggers do. */
  isAppendOnly: boolean;
  /** Why not. */
  warning: string | null;
}

/**
 * Gives the application's role what it needs in this database, and takes UPDATE, DELETE and TRUNCATE from it on every table that
 * carries the `append_only` trigger. Idempotent; runs after the migrations, as their owner.
 * @returns false where the owner may not make roles: the triggers are then the only line.
 */
export async function grantApplicationRights(source: DataSource, role = APPLICATION_ROLE): Promise<boolean> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await source.transaction(async (manager) => {
        const [state] = (await manager.query(
          `SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1) AS known,
             (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS super`,
          [role],
        )) as [{ known: boolean; super: boolean }];
        if (!state.known) await manager.query(`CREATE ROLE ${role} NOLOGIN`);
        if (!state.super && !state.known) await manager.query(`GRANT ${role} TO CURRENT_USER`);
        for (const sql of await rightsSql(manager, role)) await manager.query(sql);
      });
      return true;
    } catch (error) {
      const code = sqlState(error);
      if (code !== undefined && NOT_ALLOWED.has(code)) return false;
      if (code === undefined || !RACED.has(code) || attempt === ATTEMPTS) throw error;
      await pause(20 * attempt);
    }
  }
}

async function rightsSql(manager: { query: (sql: string) => Promise<unknown> }, role: string): Promise<string[]> {
  const tables = (await manager.query(
    `SELECT DISTINCT quote_ident(c.relname) AS name FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_class c ON c.oid = t.tgrelid
     WHERE p.proname = 'append_only' AND NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace ORDER BY 1`,
  )) as { name: string }[];
  const grants = [
    `GRANT USAGE ON SCHEMA public TO ${role}`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${role}`,
    `GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO ${role}`,
    `REVOKE INSERT, UPDATE, DELETE ON migrations FROM ${role}`,
  ];
  if (tables.length > 0) {
    grants.push(`REVOKE UPDATE, DELETE, TRUNCATE ON ${tables.map(({ name }) => name).join(', ')} FROM ${role}`);
  }
  return grants;
}

/**
 * Finds the narrowest way in: the URL's own role when it cannot change the ledger, else that role with `adloop_app` taken on by a
 * start-up option, else the URL as it is, with a warning. Needs a migrated database.
 */
export async function applicationAccess(databaseUrl: string, role = APPLICATION_ROLE): Promise<ApplicationAccess> {
  const { url, options } = splitOptions(databaseUrl);
  const plain: ApplicationAccess = { url, options, isAppendOnly: true, warning: null };
  if (!(await mayChangeLedger(plain))) return plain;
  const narrowed = [options, `-c role=${role}`].filter((part) => part !== undefined).join(' ');
  const access = { ...plain, options: narrowed };
  try {
    if (!(await mayChangeLedger(access))) return access;
  } catch (error) {
    // A role that does not exist, may not be taken on, or a pooler that knows no start-up options: all end in the warning.
    if (sqlState(error) === undefined) throw error;
  }
  const warning =
    `this role may change the ledger: only its triggers forbid it. As a superuser run: CREATE ROLE ${role} NOLOGIN; ` +
    `GRANT ${role} TO <the role of DATABASE_URL>; then start again`;
  return { ...plain, isAppendOnly: false, warning };
}

/** Start-up options out of the URL: node-postgres lets those of a URL win over any others. */
function splitOptions(databaseUrl: string): { url: string; options: string | undefined } {
  const url = new URL(databaseUrl);
  const options = url.searchParams.get('options') ?? undefined;
  if (options === undefined) return { url: databaseUrl, options };
  url.searchParams.delete('options');
  return { url: url.toString(), options };
}

async function mayChangeLedger({ url, options }: ApplicationAccess): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000, ...(options && { options }) });
  client.on('error', () => undefined); // The query that fails says so itself.
  await client.connect();
  try {
    const { rows } = await client.query<{ may: boolean }>(
      `SELECT bool_or(has_table_privilege(name, 'UPDATE') OR has_table_privilege(name, 'DELETE') OR has_table_privilege(name, 'TRUNCATE')) AS may
       FROM unnest(ARRAY['intent', 'access_audit']) AS name`,
    );
    return rows[0]?.may ?? true;
  } finally {
    await client.end();
  }
}

function sqlState(error: unknown): string | undefined {
  const { code, driverError } = error as { code?: string; driverError?: { code?: string } };
  const state = driverError?.code ?? code;
  return state !== undefined && /^[0-9A-Z]{5}$/.test(state) ? state : undefined;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
