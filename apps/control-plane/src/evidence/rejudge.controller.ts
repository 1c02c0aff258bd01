import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { z } from 'zod';
import { agentSchema, defaultPlan, ROLLOUT_STATES, VERDICTS } from '#domain/contracts';
import { lintPlan, type PlanFault, rejudgePolicySchema } from '#domain/rollout';
import { ApiProblems } from '../api-docs';
import { ProblemError } from '../problems/problem-error';
import { RejudgeService } from './rejudge.service';

/** The plan stays raw here: the linter lists every fault of it. */
const requestSchema = z.strictObject({
  policy: z
    .strictObject({ ...rejudgePolicySchema.shape, plan: z.record(z.string(), z.unknown()).optional() })
    .prefault({}),
  /** Only rollouts that ended since. */
  since: z.iso.datetime({ offset: true }).optional(),
  limit: z.number().int().min(1).max(5000).default(500),
});
const at = { stage: z.number().int(), look: z.number().int(), atMs: z.number() };
const judgement = z.object({
  verdict: z.enum(VERDICTS),
  step: z.enum(['advance', 'hold', 'promote', 'roll-back', 'page']),
  reason: z.string(),
});
const counts = {
  looks: z.number().int(),
  judged: z.number().int(),
  verdictsChanged: z.number().int(),
};
const answerSchema = z.object({
  ...counts,
  rollouts: z.number().int(),
  unjudged: z.number().int(),
  altered: z.number().int(),
  flips: z.number().int(),
  truncated: z.boolean(),
  items: z.array(
    z.object({
      ...counts,
      rolloutId: z.string(),
      cell: z.string(),
      agent: agentSchema,
      candidateId: z.string(),
      state: z.enum(ROLLOUT_STATES),
      endedAt: z.string(),
      alteredLooks: z.number().int(),
      flips: z.array(z.object({ ...at, from: judgement, to: judgement, first: z.boolean() })),
      unjudged: z.array(z.object({ ...at, reason: z.string() })),
    }),
  ),
});

class RejudgeRequestDto extends createZodDto(requestSchema.meta({ id: 'RejudgeRequest' })) {}
class RejudgementDto extends createZodDto(answerSchema.meta({ id: 'Rejudgement' })) {}

/** "What would another plan have decided?" Reads only. */
@ApiTags('evidence')
@Controller('api/v1/rejudge')
export class RejudgeController {
  constructor(private readonly rejudgements: RejudgeService) {}

  /** Judges the stored looks of every ended rollout again and lists the decisions that would have been others. */
  @Post()
  @HttpCode(200)
  @ApiProblems('malformed-request', 'invalid-input', 'invalid-plan')
  @ZodResponse({ status: 200, description: 'Flips by rollout, newest rollout first', type: RejudgementDto })
  async rejudge(@Body() { policy, since, limit }: RejudgeRequestDto): Promise<RejudgementDto> {
    const faults = faultsOf(policy);
    if (faults.length > 0) {
      throw new ProblemError('invalid-plan', `${faults.length} fault(s). First: ${faults[0].detail}`, faults);
    }
    const read = rejudgePolicySchema.parse(policy);
    return this.rejudgements.rejudge(read, since === undefined ? null : new Date(since), limit);
  }
}

/** Faults of a whole plan, and of replaced rules as they would be in a plan that is right otherwise. */
function faultsOf({ plan, alpha, metrics, designEffect }: RejudgeRequestDto['policy']): PlanFault[] {
  const within = (raw: unknown, where: string, of: RegExp) => {
    const linted = lintPlan(raw);
    const faults = linted.ok ? [] : linted.faults.filter(({ pointer }) => of.test(pointer));
    return faults.map((fault) => ({ ...fault, pointer: `${where}${fault.pointer}` }));
  };
  const replaced = {
    ...defaultPlan('rejudge'),
    ...(alpha !== undefined && { alpha }),
    ...(metrics && { metrics }),
    ...(designEffect && { designEffect }),
  };
  return [
    ...(plan === undefined ? [] : within(plan, '/policy/plan', /^/)),
    ...within(replaced, '/policy', /^\/(alpha|metrics|designEffect)/),
  ];
}
