import { Module } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { AccessAudit } from './access-audit';
import { AccessGuard } from './access.guard';
import { AuditController } from './audit.controller';
import { AuditInterceptor } from './audit.interceptor';
import { TokenStore } from './token-store';

/** Local tokens with roles; one guard and one audit over every route. */
@Module({
  controllers: [AuditController],
  providers: [
    TokenStore,
    AccessAudit,
    { provide: APP_GUARD, useClass: AccessGuard },
    { provide: APP_INTERCEPTOR, useClass: AuditInterceptor },
  ],
})
export class AuthModule {}
