import { Module } from '@nestjs/common';
import { DatabaseAccess } from './database-access';

/** How this process reaches the database; apart from `DatabaseModule`, whose connections need it first. */
@Module({ providers: [DatabaseAccess], exports: [DatabaseAccess] })
export class DatabaseAccessModule {}
