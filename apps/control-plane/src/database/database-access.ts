import { Injectable } from '@nestjs/common';
import { ControlPlaneConfig } from '../config';
import { childLogger } from '../logger';
import { type ApplicationAccess, applicationAccess } from './application-role';

const ATTEMPTS = 10;
const RETRY_MS = 1_000;

/** The way into the database that this process found at its start; found once, the warning said once. */
@Injectable()
export class DatabaseAccess {
  private readonly log = childLogger('database');
  private found: Promise<ApplicationAccess> | null = null;

  constructor(private readonly config: ControlPlaneConfig) {}

  access(): Promise<ApplicationAccess> {
    this.found ??= this.find();
    return this.found;
  }

  private async find(): Promise<ApplicationAccess> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const access = await applicationAccess(this.config.databaseUrl);
        if (access.warning !== null) this.log.warn({ isAppendOnly: false }, access.warning);
        return access;
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}
