import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AccessAudit } from './access-audit';
import { AccessGuard } from './access.guard';
import { TokenStore } from './token-store';

/** Local tokens with roles; one guard over every route. */
@Module({
  providers: [TokenStore, AccessAudit, { provide: APP_GUARD, useClass: AccessGuard }],
})
export class AuthModule {}
