import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** The bundle that served last, as it was signed, for cold starts without a control plane. */
export class LastKnownGood {
  private readonly file: string;

  constructor(home: string) {
    mkdirSync(path.join(home, 'snapshot'), { recursive: true });
    this.file = path.join(home, 'snapshot', 'last-known-good.json');
  }

  /** The signed bundle's text; it is verified again before it serves. Null on a first start. */
  read(): string | null {
    return existsSync(this.file) ? readFileSync(this.file, 'utf8') : null;
  }

  async write(body: string): Promise<void> {
    await writeFile(`${this.file}.tmp`, body, { flush: true });
    await rename(`${this.file}.tmp`, this.file);
  }
}
