/** Roles as workflows and activities know them; `system` is the meta-agent or a schedule. */
export type Role = 'viewer' | 'ad-ops' | 'ml-lead' | 'release-manager' | 'on-call' | 'admin' | 'system';

/** Who sends a command; the API takes both from the bearer token, never from the body. */
export interface Actor {
  name: string;
  role: Role;
}
