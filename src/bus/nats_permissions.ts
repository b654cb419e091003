export interface Permissions {
  publish: string[];
  subscribe: string[];
}

export interface AgentPermissionOptions {
  prefix?: string;
  /** Must differ from the one of the control plane: whoever may read that reads its answers. */
  inboxPrefix?: string;
}

/** Default `inboxPrefix` of agents. */
export const AGENT_INBOX = "_INBOX_agent";

/**
 * The NATS subjects an agent's user needs and no more: pull work from queues
 * that exist, acknowledge it, send outcomes, watch its nudges. It can neither
 * make nor look at streams, read outcomes, nor dispatch work.
 */
export function agentPermissions(
  { prefix = "attune", inboxPrefix = AGENT_INBOX }: AgentPermissionOptions = {},
): Permissions {
  return {
    publish: [
      `$JS.API.CONSUMER.MSG.NEXT.${prefix}_work.*`,
      `$JS.ACK.${prefix}_work.>`,
      `$JS.ACK.*.*.${prefix}_work.>`, // servers that put domain and account first
      `${prefix}.outcome`,
    ],
    subscribe: [
      `${inboxPrefix}.>`,
      `${prefix}.nudge.agent.*`,
    ],
  };
}
