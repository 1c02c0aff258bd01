import { Controller, Get, Header } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { StatusService } from '../status/status.service';
import { loopPage, type PageSections, pageSections } from './loop-page';
import { PAGE_SCRIPT, PAGE_STYLE } from './page-assets';

/** One read-only page, for whoever sits at this machine (the console, with logins, is an application of its own). */
@ApiExcludeController()
@Controller()
export class PageController {
  constructor(private readonly status: StatusService) {}

  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  async page(): Promise<string> {
    return loopPage(await this.status.status());
  }

  @Get('page/status')
  async sections(): Promise<{ sections: PageSections }> {
    return { sections: pageSections(await this.status.status()) };
  }

  @Get('page/style.css')
  @Header('content-type', 'text/css; charset=utf-8')
  style(): string {
    return PAGE_STYLE;
  }

  @Get('page/page.js')
  @Header('content-type', 'text/javascript; charset=utf-8')
  script(): string {
    return PAGE_SCRIPT;
  }
}
