/** Tells the story on stderr, each line with the seconds since it began; stdout belongs to the closing JSON line. */
export class Narrator {
  private readonly startedAt = Date.now();

  say(line: string): void {
    const seconds = ((Date.now() - this.startedAt) / 1000).toFixed(1).padStart(6);
    process.stderr.write(`${seconds} s  ${line}\n`);
  }

  /** Seconds since the beginning, one decimal. */
  seconds(): number {
    return Math.round((Date.now() - this.startedAt) / 100) / 10;
  }
}
