const READ_EVERY_MS = 1000;

export interface WatchedTextPorts {
  /** The text as it is now, null while there is none: then what is in hand goes on. */
  read(): Promise<string | null>;
  /** A text that is another one than the last. */
  onText(text: string): Promise<void> | void;
  onFault(error: unknown): void;
}

/** A text that operators replace under a running edge: read every second, one look at a time, handed on when it is another one. */
export class WatchedText {
  private timer: NodeJS.Timeout | null = null;
  private isReading = false;
  private lastText: string | null = null;

  constructor(private readonly ports: WatchedTextPorts) {}

  start(): void {
    this.timer = setInterval(() => void this.look(), READ_EVERY_MS);
    this.timer.unref();
  }

  stop(): void {
    if (this.timer) clearInterval(this.timer);
  }

  /** One look. */
  async look(): Promise<void> {
    if (this.isReading) return;
    this.isReading = true;
    try {
      const text = await this.ports.read();
      if (text === null || text === this.lastText) return;
      this.lastText = text;
      await this.ports.onText(text);
    } catch (error) {
      this.ports.onFault(error);
    } finally {
      this.isReading = false;
    }
  }
}
