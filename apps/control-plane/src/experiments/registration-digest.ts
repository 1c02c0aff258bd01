import { createHash } from 'node:crypto';
import { canonicalJson, type ExperimentPlan, type ExperimentSubject } from '#domain/contracts';

/** Digest of what is registered: sha256 of fleet, cell, subject and plan as canonical JSON. Two equal ones are one experiment's. */
export function registrationDigest(registration: {
  fleet: string;
  cell: string;
  subject: ExperimentSubject;
  plan: ExperimentPlan;
}): string {
  const { fleet, cell, subject, plan } = registration;
  const sealed = JSON.parse(JSON.stringify({ fleet, cell, subject, plan })) as object;
  return createHash('sha256').update(canonicalJson(sealed)).digest('hex');
}
