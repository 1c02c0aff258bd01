import type { WorkflowHandle } from '@temporalio/client';
import type { WeightStep } from '#domain/meta';
import type { MetaAgentInput, MetaView } from '../../workflows/messages';
import { CONTROL_QUEUE, metaWorkflowId } from '../../workflows/workflow-ids';
import { stubMeta, type WatchScript } from './stub-meta';
import { WorkflowEnvironment } from './workflow-environment';

let environment: WorkflowEnvironment;
let n = 0;
beforeAll(async () => {
  environment = await WorkflowEnvironment.create();
}, 60_000);
afterAll(() => environment.teardown());

/** Ten-minute ticks: a day is 144 of them. */
async function meta(
  script: WatchScript,
  during: (handle: WorkflowHandle, stub: ReturnType<typeof stubMeta>) => Promise<void>,
  change: Partial<MetaAgentInput> = {},
) {
  const stub = stubMeta(() => 0, script);
  const fleet = `g${(n += 1)}`;
  const input: MetaAgentInput = { fleet, cell: 'default', tickSeconds: 600, windowSeconds: 600, ...change };
  await environment.with(stub.activities, async () => {
    const handle = await environment.env.client.workflow.start('metaAgent', {
      workflowId: metaWorkflowId(input.fleet),
      taskQueue: CONTROL_QUEUE,
      args: [input],
    });
    try {
      await during(handle, stub);
    } finally {
      await handle.terminate('test over');
    }
  });
  return stub;
}

const state = (handle: WorkflowHandle) => handle.query<MetaView>('state');
const mia = { name: 'mia', role: 'ml-lead' };
const rick = { name: 'rick', role: 'release-manager' };
const rosa = { name: 'rosa', role: 'release-manager' };
const send = (handle: WorkflowHandle, name: string, body: object = {}, by = rick) =>
  handle.executeUpdate<MetaView, [object]>(name, { args: [{ by, reason: `${name} by test`, ...body }] });
const refused = (type: string) => ({ cause: { type } });
const sleep = (time: string) => environment.env.sleep(time);

const step = (change: Partial<WeightStep> = {}): WeightStep => ({
  kind: 'step',
  campaignId: 'cmp-1',
  weight: 'kMax',
  from: 3,
  to: 2.95,
  reason: 'cost is 1.50 times what the goal allows',
  before: { impressions: 1000, goalEvents: 100, spendNanos: 1e9 },
  ...change,
});
const onTick = (tick: number, watch: object) => (now: number) => (now === tick ? watch : {});
const kinds = (stub: ReturnType<typeof stubMeta>) => stub.intents.map((intent) => intent.kind);

describe('weights under autonomy', () => {
  test('L2 takes a step after its veto window, with the reason, once', async () => {
    const stub = await meta({ watch: () => ({ steps: [step()] }) }, async (handle) => {
      await sleep('11 minutes');
      const view = await state(handle);
      expect(view.proposals).toMatchObject([{ waitsFor: 'veto', requestedBy: 'meta', agent: 'budget' }]);
      await sleep('10 minutes');
    });
    expect(stub.weights).toMatchObject([{ campaignId: 'cmp-1', weight: 'kMax', to: 2.95, by: 'meta', kind: 'step' }]);
    expect(stub.weights[0]!.reason).toBe('cost is 1.50 times what the goal allows; not vetoed');
    expect(kinds(stub)).toEqual(['proposal.made']);
  });

  test('a veto stops it and costs the agent one level; L1 then waits for approval, L0 only suggests', async () => {
    const stub = await meta({ watch: () => ({ steps: [step()] }) }, async (handle) => {
      const next = async () => {
        await sleep('10 minutes');
        return (await state(handle)).proposals!.at(-1)!;
      };
      await sleep('1 minute');
      const first = await next();
      await expect(send(handle, 'vetoProposal', { proposalId: 'prp-0' })).rejects.toMatchObject(refused('NOT_PENDING'));
      const vetoed = await send(handle, 'vetoProposal', { proposalId: first.proposalId });
      expect(vetoed.autonomy!.budget.level).toBe('L1');
      const second = await next();
      expect(second.waitsFor).toBe('approval');
      await expect(
        send(handle, 'approveProposal', { proposalId: second.proposalId }, { name: 'v', role: 'viewer' }),
      ).rejects.toMatchObject(refused('ROLE_NOT_ALLOWED'));
      await send(handle, 'approveProposal', { proposalId: second.proposalId }, mia);
      const third = await next();
      await send(handle, 'vetoProposal', { proposalId: third.proposalId });
      const fourth = await next();
      expect(fourth.waitsFor).toBe('nobody');
      await sleep('25 hours');
    });
    expect(stub.weights).toMatchObject([{ by: 'mia' }]);
    expect(stub.autonomy.map((change) => change.autonomyLevels.budget)).toEqual(['L1', 'L0']);
    expect(kinds(stub).slice(0, 6)).toEqual([
      'proposal.made',
      'proposal.vetoed',
      'autonomy.changed',
      'proposal.made',
      'proposal.approved',
      'proposal.made',
    ]);
  });

  test('an unapproved proposal is void after a day', async () => {
    const stored = { autonomyLevels: { budget: 'L1' as const } };
    const stub = await meta({ stored, watch: onTick(1, { steps: [step()] }) }, async (handle) => {
      await sleep('25 hours');
      expect((await state(handle)).proposals).toEqual([]);
    });
    expect(stub.weights).toEqual([]);
    expect(kinds(stub)).toEqual(['proposal.made', 'proposal.expired']);
  });

  test('L3 acts at once, a reversal is done at once at every level, and nothing moves while samples are in doubt', async () => {
    const back = step({ kind: 'reversal', to: 3 });
    const stored = { autonomyLevels: { budget: 'L3' as const, frequency: 'L0' as const } };
    const script: WatchScript = {
      stored,
      watch: (tick) => {
        if (tick === 1) return { steps: [step()] };
        if (tick === 2) return { steps: [step({ weight: 'wFatigue', kind: 'reversal', to: 0.1 })] };
        return tick === 3
          ? { steps: [step({ campaignId: 'cmp-2' }), back], frozen: 'rollout rol_1 has verdict srm' }
          : {};
      },
    };
    const stub = await meta(script, async (handle) => {
      await sleep('31 minutes');
      expect((await state(handle)).weights).toBe('rollout rol_1 has verdict srm');
      expect((await state(handle)).proposals).toEqual([]);
    });
    expect(stub.weights.map(({ campaignId, weight, kind }) => `${campaignId} ${weight} ${kind}`)).toEqual([
      'cmp-1 kMax step',
      'cmp-1 wFatigue reversal',
      'cmp-1 kMax reversal',
    ]);
  });

  test('setWeight by hand: range, room, what is never tuned, and roles', async () => {
    const tooFar = { changed: false as const, code: 'WEIGHT_STEP_TOO_LARGE', reason: 'may be set from 2.7 to 3.3 now' };
    const script = { answer: (wish: { to: number }) => (wish.to > 3.3 ? tooFar : null) };
    const stub = await meta(script, async (handle) => {
      const set = (weight: string, value: number, by = mia) =>
        send(handle, 'setWeight', { campaignId: 'cmp-1', weight, value }, by);
      expect((await set('kMax', 3.2)).lastActions[0]!.action).toBe('kMax of cmp-1 from 3 to 3.2');
      await expect(set('kMax', 3.5)).rejects.toMatchObject(refused('WEIGHT_STEP_TOO_LARGE'));
      await expect(set('kMax', 4.1)).rejects.toMatchObject(refused('WEIGHT_OUT_OF_RANGE'));
      await expect(set('totalBudget', 3)).rejects.toMatchObject(refused('NEVER_TUNABLE'));
      await expect(set('nonsense', 3)).rejects.toMatchObject(refused('UNKNOWN_WEIGHT'));
      await expect(set('gamma0', 60)).rejects.toMatchObject(refused('WEIGHT_NOT_SERVED'));
      await expect(set('kMax', 3, { name: 'oscar', role: 'on-call' })).rejects.toMatchObject(
        refused('ROLE_NOT_ALLOWED'),
      );
    });
    expect(stub.weights).toMatchObject([{ kind: 'operator', by: 'mia', to: 3.2, evidence: null }]);
  });
});

describe('autonomy', () => {
  test('falls at once, rises only with a second pair of eyes', async () => {
    const stub = await meta({}, async (handle) => {
      const cut = await send(handle, 'setAutonomy', { agent: 'bid', level: 'L0', overrideBps: 4000 }, mia);
      expect(cut.autonomy!.bid).toMatchObject({ level: 'L0', overrideBps: 4000 });
      await expect(send(handle, 'setAutonomy', { agent: 'bid', level: 'L3' }, mia)).rejects.toMatchObject(
        refused('ROLE_NOT_ALLOWED'),
      );
      await expect(send(handle, 'setAutonomy', { agent: 'bid' })).rejects.toMatchObject(refused('NOTHING_TO_SET'));
      const asked = await send(handle, 'setAutonomy', { agent: 'bid', level: 'L3' });
      expect(asked.autonomy!.bid.level).toBe('L0');
      const { proposalId } = asked.proposals![0]!;
      await expect(send(handle, 'approveProposal', { proposalId })).rejects.toMatchObject(refused('FOUR_EYES'));
      await expect(send(handle, 'approveProposal', { proposalId }, mia)).rejects.toMatchObject(
        refused('ROLE_NOT_ALLOWED'),
      );
      const raised = await send(handle, 'approveProposal', { proposalId }, rosa);
      expect(raised.autonomy!.bid).toMatchObject({ level: 'L3', overrideBps: 4000 });
    });
    expect(stub.autonomy.map(({ autonomyBps, autonomyLevels }) => [autonomyLevels.bid, autonomyBps.bid])).toEqual([
      ['L0', 4000],
      ['L3', 4000],
    ]);
    expect(kinds(stub)).toEqual(['autonomy.changed', 'proposal.made', 'proposal.approved', 'autonomy.changed']);
    expect(stub.intents[0]).toMatchObject({ publisher: 'operator', reason: 'setAutonomy by test' });
  });

  test('drops one level on a rollback and on a kill by hand; evidence lets the meta-agent propose a rise', async () => {
    const script: WatchScript = {
      watch: (tick) => {
        if (tick === 1) return { rolledBack: [{ agent: 'bid', rolloutId: 'rol_1' }] };
        // Five accepted steps of the budget agent, then quiet.
        return tick > 2 && tick % 3 === 0 && tick < 20 ? { steps: [step({ campaignId: `cmp-${tick}` })] } : {};
      },
    };
    await meta(script, async (handle) => {
      await sleep('11 minutes');
      expect((await state(handle)).autonomy!.bid.level).toBe('L1');
      await send(handle, 'killAgent', { agent: 'creative' });
      expect((await state(handle)).autonomy!.creative.level).toBe('L1');
      await sleep('8 days');
      const { proposals, autonomy } = await state(handle);
      expect(autonomy!.budget.level).toBe('L2');
      expect(proposals).toMatchObject([
        { agent: 'budget', waitsFor: 'approval', requestedBy: 'meta', act: { kind: 'autonomy', level: 'L3' } },
      ]);
      const { proposalId } = proposals![0]!;
      expect((await send(handle, 'approveProposal', { proposalId })).autonomy!.budget.level).toBe('L3');
    });
  });

  test('writes of the serving control follow each other, so that a late retry cannot undo a newer one', async () => {
    let attempts = 0;
    const onAutonomy = () => {
      attempts += 1;
      if (attempts === 1) throw new Error('it succeeded, and reports failure');
    };
    const stub = await meta({ onAutonomy }, async (handle) => {
      const first = send(handle, 'setAutonomy', { agent: 'bid', level: 'L1' });
      // The other order would be a rise, which waits for a second person.
      while (attempts === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      await Promise.all([first, send(handle, 'setAutonomy', { agent: 'bid', level: 'L0' })]);
    });
    expect(attempts).toBe(3);
    expect(stub.autonomy).toHaveLength(2);
    expect(stub.autonomy.at(-1)!.autonomyLevels.bid).toBe('L0');
  });

  test('a fresh run takes over levels, quarantine and stop from the database', async () => {
    const stored = {
      quarantined: ['creative' as const],
      bidding: 'stopped' as const,
      autonomyLevels: { bid: 'L0' as const },
    };
    await meta({ stored }, async (handle) => {
      await sleep('1 second');
      const view = await state(handle);
      expect(view).toMatchObject({ quarantined: ['creative'], bidding: 'stopped' });
      expect(view.autonomy).toMatchObject({ bid: { level: 'L0' }, budget: { level: 'L2' } });
    });
  });

  test('continue-as-new carries proposals, levels and memory', async () => {
    const script: WatchScript = { stored: { autonomyLevels: { budget: 'L1' } }, watch: onTick(1, { steps: [step()] }) };
    await meta(
      script,
      async (handle) => {
        await sleep('11 minutes');
        const first = (await handle.describe()).runId;
        const before = await state(handle);
        await send(handle, 'setAutonomy', { agent: 'bid', level: 'L1' });
        await sleep('1 hour');
        expect((await handle.describe()).runId).not.toBe(first);
        const after = await state(handle);
        expect(after.proposals).toEqual(before.proposals);
        expect(after.autonomy!.bid.level).toBe('L1');
        await send(handle, 'approveProposal', { proposalId: after.proposals![0]!.proposalId }, mia);
        expect((await state(handle)).proposals).toEqual([]);
      },
      { ticksPerRun: 3 },
    );
  });
});

describe('drift over days of ticks', () => {
  const worse = { wins: 1500 };
  const health = (tick: number) => {
    if (tick < 4) return {};
    const base = { requests: 10_000, eligible: 8000, bids: 6000, impressions: 1900, clicks: 150, conversions: 30 };
    const rest = { valueNanos: 150e8, spendNanos: 90e8, fallbacks: 0, errors: 0, late: 0, repeats: 0 };
    return { current: { ...base, ...rest, ...worse }, previous: { ...base, ...rest, wins: 2000 } };
  };
  const drifted = () => ({ drifted: ['lnFloor'], reason: 'inputs of bid-now drifted: lnFloor' });

  test('drift alone waits for a person', async () => {
    const stub = await meta({ drift: drifted }, async (handle) => {
      await sleep('35 minutes');
      const { proposals, drift } = await state(handle);
      expect(drift).toContain('lnFloor');
      expect(proposals).toMatchObject([{ waitsFor: 'approval', act: { kind: 'retrain', agent: 'bid' } }]);
      await send(handle, 'approveProposal', { proposalId: proposals![0]!.proposalId }, mia);
    });
    expect(stub.trainings).toMatchObject([{ agent: 'bid', kind: 'drift' }]);
  });

  test('a drop with drift retrains once a day for three days, within the veto window’s delay', async () => {
    const stub = await meta({ health, drift: drifted }, async (handle) => {
      await sleep('74 hours');
      expect((await state(handle)).paused).toBe(false);
    });
    const hours = stub.trainings.map((training) => training.cutoffMs / 3_600_000);
    expect(stub.trainings.length).toBeGreaterThanOrEqual(3);
    expect(stub.trainings.length).toBeLessThanOrEqual(4);
    for (let i = 1; i < hours.length; i++) expect(hours[i]! - hours[i - 1]!).toBeGreaterThanOrEqual(23.9);
  });

  test('three failed candidates stop it, with a page in the ledger', async () => {
    const stub = await meta({ health, watch: () => ({ failedCandidates: 3 }) }, async () => {
      await sleep('30 hours');
    });
    expect(stub.trainings).toEqual([]);
    expect(stub.intents.map((intent) => intent.kind)).toEqual(['training.refused', 'training.refused']);
    expect(stub.intents[0]!.reason).toContain('3 candidates in a row failed');
    expect(stub.pages.map((page) => page.kind)).toEqual(['retraining-stopped', 'retraining-stopped']);
  });
});
