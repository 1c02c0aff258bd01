/** Market gate: champion and candidate bid on the same seeded auctions, through the edge's own functions. */
import type { AgentPolicy, GateResult, PolicyBundle, PolicySnapshot } from '#domain/contracts';
import { compareArms, judgeSimulation, type MarketArm, type Scenario } from '#domain/market';
import type { OnnxSession } from './onnx-session';

/** Auctions per seed and arm; with the seeds below about half a minute on one core. */
export const GATE_AUCTIONS = 6000;
const GATE_SEEDS = 2;
/** Value that a candidate may lose at the lower end of its interval. */
export const GATE_MARGIN = 0.05;

export interface SimulatorGatePorts {
  artifacts: { get(sha256: string): Promise<Uint8Array> };
  openSession(bytes: Uint8Array): Promise<OnnxSession>;
  /** The market to play, and what the cell serves now. */
  market(cell: string): Promise<{ scenario: Scenario; snapshot: PolicySnapshot }>;
}

export interface SimulatorGateInput {
  candidate: AgentPolicy;
  cell: string;
  seed: number;
  /** Called every few hundred auctions: heartbeats, and a place to give up. */
  onProgress: (done: number, of: number) => Promise<void>;
}

/** Common random numbers: same users, same rivals, same draws; only the candidate's agent differs. */
export async function judgeOnMarket(ports: SimulatorGatePorts, input: SimulatorGateInput): Promise<GateResult> {
  const { scenario, snapshot } = await ports.market(input.cell);
  const sessions: OnnxSession[] = [];
  const armOf = async (policies: PolicyBundle): Promise<MarketArm> => {
    const served: PolicySnapshot = {
      ...snapshot,
      champion: policies,
      canary: null,
      shadows: [],
      kill: { level: 'none', agents: [] },
    };
    const { artifact } = policies.bid;
    if (artifact === null) return { snapshot: served, infer: null };
    const session = await ports.openSession(await ports.artifacts.get(artifact.sha256));
    sessions.push(session);
    return {
      snapshot: served,
      infer: (rows, rowCount) => session.run(rows.subarray(0, rowCount * artifact.inputWidth), rowCount),
    };
  };
  try {
    const champion = await armOf(snapshot.champion);
    const candidate = await armOf({ ...snapshot.champion, [input.candidate.agent]: input.candidate });
    const seeds = Array.from({ length: GATE_SEEDS }, (_, n) => input.seed + n);
    const total = GATE_AUCTIONS * GATE_SEEDS * 2;
    const report = await compareArms(scenario, { champion, candidate }, seeds, {
      auctions: GATE_AUCTIONS,
      onProgress: (done) => input.onProgress(done, total),
    });
    return judgeSimulation(report, GATE_MARGIN);
  } finally {
    for (const session of sessions) await session.close();
  }
}
