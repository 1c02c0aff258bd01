'use strict';

// Outlives its supervisor by a few seconds. The supervisor tells it, over stdin, which process groups it started
// ("+ pid signal") and which have ended ("- pid"). When stdin closes, because the supervisor ended in whatever way, kill -9
// included, the guard stops what is left, in reverse order, and then kills it: no orphan stays behind.

const groups = new Map();
const GRACE_MS = 5000;
let rest = '';

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined);

function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false; // The group is gone: that is what we want.
  }
}

process.stdin.on('data', (chunk) => {
  const lines = (rest + chunk).split('\n');
  rest = lines.pop();
  for (const line of lines) {
    const [sign, pid, signal] = line.split(' ');
    if (sign === '+') groups.set(Number(pid), signal);
    else groups.delete(Number(pid));
  }
});

process.stdin.on('close', () => {
  const left = [...groups].reverse();
  for (const [pid, signal] of left) signalGroup(pid, signal);
  const until = Date.now() + GRACE_MS;
  const wait = setInterval(() => {
    const alive = left.filter(([pid]) => signalGroup(pid, 0));
    if (alive.length > 0 && Date.now() < until) return;
    clearInterval(wait);
    for (const [pid] of alive) signalGroup(pid, 'SIGKILL');
    process.exit(0);
  }, 100);
});
