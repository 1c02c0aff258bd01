import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { ApiProblems } from '../api-docs';
import { statusSchema, type Status } from './status.schema';
import { StatusService } from './status.service';

class StatusDto extends createZodDto(statusSchema.meta({ id: 'Status' })) {}

@ApiTags('status')
@Controller('api/v1/status')
export class StatusController {
  constructor(private readonly service: StatusService) {}

  /** Is the loop turning? */
  @Get()
  @ApiProblems('database-unavailable')
  @ZodResponse({ status: 200, description: "The loop's state", type: StatusDto })
  status(): Promise<Status> {
    return this.service.status();
  }
}
