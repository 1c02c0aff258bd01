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

/** Mutex over one word of shared memory: free, held, or held and awaited (Drepper, "Futexes Are Tricky", mutex2). */
export class SharedLock implements Lock {
  constructor(private readonly word: Int32Array) {}

  acquire(): void {
    const { word } = this;
    for (let spin = 0; spin < SPINS; spin += 1) if (Atomics.compareExchange(word, 0, FREE, HELD) === FREE) return;
    while (Atomics.exchange(word, 0, AWAITED) !== FREE)
      if (Atomics.wait(word, 0, AWAITED, LONGEST_WAIT_MS) === 'timed-out')
        throw new Error('the lock of the shared state is not given back');
  }

  release(): void {
    if (Atomics.exchange(this.word, 0, FREE) === AWAITED) Atomics.notify(this.word, 0, 1);
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
