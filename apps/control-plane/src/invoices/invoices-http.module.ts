import { Module } from '@nestjs/common';
import { ExchangeRepository } from '../exchanges/exchange.repository';
import { BookedSumsRepository } from './booked-sums.repository';
import { InvoiceReportRepository } from './invoice-report.repository';
import { InvoiceService } from './invoice.service';
import { InvoicesController } from './invoices.controller';

/** API of invoices: the HTTP root only. */
@Module({
  controllers: [InvoicesController],
  providers: [ExchangeRepository, BookedSumsRepository, InvoiceReportRepository, InvoiceService],
})
export class InvoicesHttpModule {}
