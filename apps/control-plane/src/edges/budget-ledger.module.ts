import { Module } from '@nestjs/common';
import { BudgetLedger } from './budget-ledger.service';

/** The budget's double entry; apart from `EdgesModule`, because making a campaign funds it. */
@Module({ providers: [BudgetLedger], exports: [BudgetLedger] })
export class BudgetLedgerModule {}
