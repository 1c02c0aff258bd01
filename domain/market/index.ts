/**
 * Market: seeded users, exchanges and rivals. One model with two uses: in process (the simulator gate, truth of a scenario) and
 * over OpenRTB by apps/market-simulator. The same seed gives the same auctions on every machine.
 */
export * from './compare-arms';
export * from './market';
export * from './population';
export * from './scenario';
export * from './simulate-market';
export * from './simulator-gate';
