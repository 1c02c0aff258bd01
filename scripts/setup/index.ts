// Set-up parts: each finds or makes one thing that Adloop needs (ports, keys, binaries, Postgres, Temporal) and says in
// one line what to do when it cannot. scripts/stack composes them; tests use them alone.
export * from './root';
export * from './environment';
export * from './setup-error';
export * from './ports';
export * from './home';
export * from './temporary-home';
export * from './keys';
export * from './processes';
export * from './binaries';
export * from './postgres-owner';
export * from './embedded-postgres';
export * from './temporal-server';
