/** Guards state that several threads change. Held for microseconds, never over an await. */
export interface Lock {
  acquire(): void;
  release(): void;
}

/** Of state that one thread has for itself. */
export const NO_LOCK: Lock = { acquire: () => undefined, release: () => undefined };

const FREE = 0;
const HELD = 1;
const AWAITED = 2;
/** A holder is done within a microsecond or two unless the system took its core away. */
const SPINS = 200;
/** Nobody holds the lock for so long: a thread that does has died, and with it the process will. */
const LONGEST_WAIT_MS = 5000;

/**
 * Takes the mutex at one word of shared memory: free, held, or held and awaited (Drepper, "Futexes Are Tricky", mutex2).
 * @returns false when it was not given back for `patienceMs`; it is the caller's all the same
 */
export function takeWord(words: Int32Array, at: number, patienceMs: number): boolean {
  for (let spin = 0; spin < SPINS; spin += 1) if (Atomics.compareExchange(words, at, FREE, HELD) === FREE) return true;
  while (Atomics.exchange(words, at, AWAITED) !== FREE)
    if (Atomics.wait(words, at, AWAITED, patienceMs) === 'timed-out') return false;
  return true;
}

/** Gives the mutex at a word back. */
export function giveWord(words: Int32Array, at: number): void {
  if (Atomics.exchange(words, at, FREE) === AWAITED) Atomics.notify(words, at, 1);
}

/** Mutex over a word of its own. */
export class SharedLock implements Lock {
  constructor(private readonly word: Int32Array) {}

  acquire(): void {
    if (!takeWord(this.word, 0, LONGEST_WAIT_MS)) throw new Error('the lock of the shared state is not given back');
  }

  release(): void {
    giveWord(this.word, 0);
  }
}

/** Does something while a lock is held. */
export function underLock<T>(lock: Lock, act: () => T): T {
  lock.acquire();
  try {
    return act();
  } finally {
    lock.release();
  }
}
