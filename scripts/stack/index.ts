// The whole of Adloop as child processes: `startStack` for `npm start`, `npm run story` and the integration and e2e rungs.
export * from './start-stack';
export * from './stack';
export * from './parts';
export * from './signals';
