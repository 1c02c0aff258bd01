import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { createLogger } from '../log';
import { BiddingThread } from './bidding-thread';
import { clonedConfig } from './cloned-config';
import type { ThreadStart } from './messages';

/** Entry of a bidding thread. */
const start = workerData as ThreadStart;
const config = clonedConfig(start.config);
const log = createLogger(config.logLevel, config.edgeId).child({ thread: start.thread });
new BiddingThread({ ...start, config }, parentPort as MessagePort, log);
