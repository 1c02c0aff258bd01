/** Parity: an artifact's bytes, run under onnxruntime, give the golden vectors of its manifest. */
import type { AgentPolicy, GateResult } from '#domain/contracts';
import { permanent } from './permanent-failure';
import type { OnnxSession } from './onnx-session';
import type { TrainingPorts } from './training-ports';

type ParityPorts = Pick<TrainingPorts, 'openSession' | 'artifacts'>;

/** Runs the stored bytes alone and in a batch; passes when no output is further off than the artifact's tolerance. */
export async function judgeParity(ports: ParityPorts, policy: AgentPolicy): Promise<GateResult> {
  const { artifact } = policy;
  if (artifact === null)
    return { gate: 'parity', passed: true, value: 0, bound: 0, n: 0, reason: 'the policy has no artifact' };
  const session = await openChecked(ports, await ports.artifacts.get(artifact.sha256));
  try {
    const width = artifact.inputWidth;
    const batch = new Float32Array(artifact.parity.length * width);
    artifact.parity.forEach((vector, index) => batch.set(vector.input, index * width));
    const together = await session.run(batch, artifact.parity.length);
    let worst = 0;
    for (const [index, vector] of artifact.parity.entries()) {
      const alone = await session.run(Float32Array.from(vector.input), 1);
      vector.output.forEach((expected, column) => {
        const at = index * artifact.outputWidth + column;
        worst = Math.max(worst, Math.abs(alone[column] - expected), Math.abs(together[at] - expected));
      });
    }
    const passed = worst <= artifact.tolerance;
    const reason = `largest difference ${worst.toExponential(2)} over ${artifact.parity.length} golden vectors`;
    return {
      gate: 'parity',
      passed,
      value: Number.isFinite(worst) ? worst : 1e9,
      bound: artifact.tolerance,
      n: artifact.parity.length,
      reason,
    };
  } finally {
    await session.close();
  }
}

/** Opens bytes as a session of the expected shape. @throws ApplicationFailure ARTIFACT_UNREADABLE, ARTIFACT_SHAPE */
export async function openChecked(ports: Pick<TrainingPorts, 'openSession'>, bytes: Uint8Array): Promise<OnnxSession> {
  const session = await ports.openSession(bytes).catch((error: unknown) => {
    throw permanent('ARTIFACT_UNREADABLE', error instanceof Error ? error.message : String(error));
  });
  if (session.inputNames.join() !== 'features' || session.outputNames.join() !== 'law') {
    await session.close();
    throw permanent('ARTIFACT_SHAPE', `inputs ${session.inputNames.join()}, outputs ${session.outputNames.join()}`);
  }
  return session;
}
