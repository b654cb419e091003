const CRUD = ["read", "create", "update", "delete"];

/** Resource -> what may be granted on it (api.md 2.4). */
export const GRANT_VERBS: Readonly<Record<string, readonly string[]>> = {
  packs: ["read", "create", "install", "configure", "delete"],
  actions: [...CRUD, "execute"],
  queues: CRUD,
  rules: CRUD,
  triggers: CRUD,
  artifacts: CRUD,
  runtimes: CRUD,
  identities: CRUD,
  executions: ["read", "update", "cancel", "decrypt"],
  events: ["read"],
  audit_log: ["read"],
  enforcements: ["read", "decrypt"],
  inquiries: [...CRUD, "respond"],
  keys: [...CRUD, "decrypt"],
  workers: ["read", "manage"],
  permissions: ["read", "manage"],
  retention: ["read", "update"],
};
