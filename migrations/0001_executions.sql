-- Order-keeping documents are `json` (parameters, results, schemas); what is
-- searched or merged is `jsonb`. History (execution, execution_log) has no
-- foreign keys: what it names may be deleted, ids are never used again.

create table identity (
  id bigint generated always as identity primary key,
  login text not null unique,
  display_name text,
  password_hash text,
  attributes jsonb not null default '{}',
  frozen boolean not null default false,
  created timestamptz not null default now(),
  updated timestamptz not null default now()
);
insert into identity (login, display_name) values ('system', 'System');

create table pack (
  id bigint generated always as identity primary key,
  ref text not null unique,
  label text not null,
  description text,
  version text not null,
  author text,
  email text,
  enabled boolean not null default true,
  is_standard boolean not null default false,
  conf_schema json not null default '{}',
  config json not null default '{}',
  meta jsonb not null default '{}',
  tags text[] not null default '{}',
  runtime_deps text[] not null default '{}',
  dependencies text[] not null default '{}',
  testing jsonb,
  owner_identity bigint references identity on delete set null,
  -- SHA-256 of the installed tree; null for a pack without files.
  content_hash text,
  created timestamptz not null default now(),
  updated timestamptz not null default now()
);

create table permission_set (
  id bigint generated always as identity primary key,
  ref text not null unique,
  pack bigint references pack on delete cascade,
  label text,
  description text,
  grants jsonb not null default '[]',
  is_adhoc boolean not null default false,
  created timestamptz not null default now(),
  updated timestamptz not null default now()
);

create table permission_assignment (
  id bigint generated always as identity primary key,
  identity bigint not null references identity on delete cascade,
  permission_set bigint not null references permission_set on delete cascade,
  created timestamptz not null default now(),
  unique (identity, permission_set)
);

create table runtime (
  id bigint generated always as identity primary key,
  ref text not null unique,
  pack bigint references pack on delete cascade,
  pack_ref text,
  -- Canonical name.
  name text not null,
  label text,
  description text,
  aliases text[] not null default '{}',
  distributions jsonb not null default '{}',
  installation jsonb,
  execution_config json not null default '{}',
  is_adhoc boolean not null default false,
  auto_detected boolean not null default false,
  detection_config jsonb not null default '{}',
  created timestamptz not null default now(),
  updated timestamptz not null default now()
);

create table runtime_version (
  runtime bigint not null references runtime on delete cascade,
  version text not null,
  position int not null,
  is_default boolean not null default false,
  distributions jsonb not null default '{}',
  execution_config json not null default '{}',
  meta jsonb not null default '{}',
  primary key (runtime, version)
);

-- What executions need of an agent; its key names the work queue.
create table requirement (
  key text primary key,
  body jsonb not null,
  -- Last asked for, to ten minutes; a requirement of nothing but overrides is forgotten after a while.
  used timestamptz not null default now(),
  created timestamptz not null default now()
);

create table action (
  id bigint generated always as identity primary key,
  ref text not null unique,
  pack bigint not null references pack on delete cascade,
  pack_ref text not null,
  label text not null,
  description text,
  enabled boolean not null default true,
  tags text[] not null default '{}',
  meta jsonb not null default '{}',
  examples jsonb,
  is_adhoc boolean not null default false,
  -- Canonical name, or as written when nothing claimed it at load time; null for a workflow.
  runtime text,
  runtime_version text,
  required_worker_runtimes jsonb not null default '{}',
  entry_point text not null default '',
  workflow_file text,
  param_schema json,
  out_schema json,
  parameter_delivery text not null default 'stdin' check (parameter_delivery in ('stdin', 'file', 'env')),
  parameter_format text not null default 'json' check (parameter_format in ('json', 'yaml', 'dotenv')),
  output_format text not null default 'text' check (output_format in ('text', 'json', 'yaml', 'jsonl')),
  output_strict boolean not null default false,
  timeout_seconds double precision check (timeout_seconds > 0),
  retry jsonb,
  idempotent boolean not null default false,
  resources jsonb not null default '{}',
  permissions jsonb not null default '{}',
  wasm jsonb not null default '{}',
  worker_selector jsonb not null default '{}',
  worker_tolerations jsonb not null default '[]',
  worker_affinity jsonb not null default '{"required":[],"preferred":[],"anti_affinity":[]}',
  default_execution_permission_set_refs text[] not null default '{}',
  accesses_mcp boolean not null default false,
  reference_visibility text not null default 'public' check (reference_visibility in ('public', 'private', 'restricted')),
  reference_allowed_pack_refs text[] not null default '{}',
  artifact_retention_policy text,
  artifact_retention_limit int,
  log_retention_policy text,
  log_retention_limit int,
  created timestamptz not null default now(),
  updated timestamptz not null default now()
);
create index action_pack on action (pack, ref);

-- The requirement of an action without overrides; valid while `action_updated` is the action's `updated`.
create table action_requirement (
  action bigint primary key references action on delete cascade,
  key text not null references requirement,
  action_updated timestamptz not null
);
create index action_requirement_key on action_requirement (key);

create table sensor (
  id bigint generated always as identity primary key,
  ref text not null unique,
  pack bigint not null references pack on delete cascade,
  pack_ref text not null,
  label text not null,
  description text,
  enabled boolean not null default true,
  tags text[] not null default '{}',
  meta jsonb not null default '{}',
  examples jsonb,
  is_adhoc boolean not null default false,
  runtime text not null,
  runtime_version text,
  required_worker_runtimes jsonb not null default '{}',
  entry_point text not null,
  mode text not null check (mode in ('poll', 'daemon', 'builtin')),
  poll_interval double precision not null default 30,
  timeout_seconds double precision not null default 30,
  param_schema json,
  config json not null default '{}',
  resources jsonb not null default '{}',
  permissions jsonb not null default '{}',
  worker_selector jsonb not null default '{}',
  worker_tolerations jsonb not null default '[]',
  worker_affinity jsonb not null default '{"required":[],"preferred":[],"anti_affinity":[]}',
  artifact_retention_policy text,
  artifact_retention_limit int,
  log_retention_policy text,
  log_retention_limit int,
  created timestamptz not null default now(),
  updated timestamptz not null default now()
);

create table trigger (
  id bigint generated always as identity primary key,
  ref text not null unique,
  pack bigint references pack on delete cascade,
  pack_ref text,
  label text not null,
  description text,
  enabled boolean not null default true,
  tags text[] not null default '{}',
  meta jsonb not null default '{}',
  examples jsonb,
  is_adhoc boolean not null default false,
  type text,
  param_schema json,
  out_schema json,
  payload_validation text not null default 'off' check (payload_validation in ('off', 'warn', 'reject')),
  sensor bigint references sensor on delete set null,
  sensor_ref text,
  created timestamptz not null default now(),
  updated timestamptz not null default now()
);

create table rule (
  id bigint generated always as identity primary key,
  ref text not null unique,
  pack bigint not null references pack on delete cascade,
  pack_ref text not null,
  label text not null,
  description text,
  enabled boolean not null default true,
  tags text[] not null default '{}',
  meta jsonb not null default '{}',
  is_adhoc boolean not null default false,
  owner_identity bigint references identity on delete set null,
  trigger_ref text not null,
  action_ref text not null,
  conditions json not null default '{}',
  action_params json not null default '{}',
  trigger_params json not null default '{}',
  permission_set_refs text[],
  created timestamptz not null default now(),
  updated timestamptz not null default now()
);

create table worker (
  id bigint generated always as identity primary key,
  -- Made once per state directory of an agent.
  instance_id text not null unique,
  name text not null unique,
  worker_type text not null check (worker_type in ('local', 'remote', 'container')),
  worker_role text not null default 'action' check (worker_role in ('action', 'sensor')),
  host text,
  port int,
  status text not null default 'active' check (status in ('active', 'inactive', 'busy', 'error')),
  capabilities jsonb not null default '{}',
  free_slots int not null default 0,
  last_heartbeat timestamptz,
  cordoned boolean not null default false,
  cordon_reason text,
  cordoned_by bigint references identity on delete set null,
  cordoned_at timestamptz,
  created timestamptz not null default now(),
  updated timestamptz not null default now()
);

-- Which queues a worker may pull from; written by the scheduler, told by heartbeat answers.
create table worker_requirement (
  worker bigint not null references worker on delete cascade,
  key text not null references requirement on delete cascade,
  primary key (worker, key)
);
create index worker_requirement_key on worker_requirement (key);

create table execution (
  id bigint generated always as identity primary key,
  action bigint,
  action_ref text not null,
  -- As the caller sent it; values of secret parameters are sealed.
  config json not null default '{}',
  env_vars jsonb not null default '{}',
  status text not null default 'requested' check (status in
    ('requested', 'scheduling', 'scheduled', 'running', 'completed', 'failed', 'canceling', 'cancelled', 'timeout', 'abandoned')),
  reason text,
  result json not null default '{}',
  isolation jsonb,
  usage jsonb,
  parent bigint,
  enforcement bigint,
  rule_ref text,
  trigger_ref text,
  executor bigint,
  -- Effective: those asked for, else the action's.
  permission_set_refs text[] not null default '{}',
  artifact_retention_policy text,
  artifact_retention_limit int,
  -- Overrides; null = the action's.
  worker_selector jsonb,
  worker_tolerations jsonb,
  worker_affinity jsonb,
  timeout_seconds double precision check (timeout_seconds > 0),
  workflow_task jsonb,
  worker bigint,
  original_execution bigint,
  attempt int not null default 1,
  -- Set by dispatch; `waiting_for` says in words why a requested row is not scheduled.
  requirement text,
  waiting_for text,
  -- Not before: the due time of a retry. The queue timeout counts from here.
  due_at timestamptz not null default now(),
  dispatches int not null default 0,
  lease_token uuid,
  lease_until timestamptz,
  -- True while the agent prepares (fetches the pack, builds an environment): losing it then costs no attempt.
  preparing boolean not null default false,
  cancel_requested_at timestamptz,
  created timestamptz not null default now(),
  scheduled_at timestamptz,
  started_at timestamptz,
  finished_at timestamptz,
  updated timestamptz not null default now(),
  constraint finished_when_final check ((finished_at is null) = (status in ('requested', 'scheduling', 'scheduled', 'running', 'canceling'))),
  constraint leased_when_running check ((lease_token is not null) = (status in ('running', 'canceling'))),
  constraint lease_has_end check ((lease_token is null) = (lease_until is null))
) with (
  fillfactor = 70,
  -- Each execution leaves three dead versions of its row, also in the small partial indexes that are read every second.
  autovacuum_vacuum_scale_factor = 0.05,
  autovacuum_vacuum_threshold = 1000,
  autovacuum_analyze_scale_factor = 0.05
);
create index execution_newest on execution (created desc, id desc);
create index execution_by_action on execution (action_ref text_pattern_ops, created desc, id desc);
create index execution_by_status on execution (status, created desc, id desc);
create index execution_by_executor on execution (executor, created desc, id desc);
create index execution_by_parent on execution (parent, created desc, id desc) where parent is not null;
create index execution_by_enforcement on execution (enforcement, created desc, id desc) where enforcement is not null;
create index execution_by_rule on execution (rule_ref text_pattern_ops, created desc, id desc) where rule_ref is not null;
create index execution_by_trigger on execution (trigger_ref text_pattern_ops, created desc, id desc) where trigger_ref is not null;
create index execution_by_original on execution (original_execution, id) where original_execution is not null;
create index execution_to_dispatch on execution (due_at, id) where status = 'requested' and waiting_for is null;
create index execution_waiting on execution (requirement, due_at, id) where status = 'requested' and waiting_for is not null;
create index execution_queued on execution (requirement, scheduled_at, id) where status = 'scheduled';
-- Few rows, so ended leases are found by reading all of it: renewing a lease touches no index.
create index execution_of_worker on execution (worker, status) where status in ('running', 'canceling');

-- Output of an attempt; `start_offset` is the byte of the stream at which `data` begins.
create table execution_log (
  execution bigint not null,
  attempt int not null,
  stream text not null check (stream in ('stdout', 'stderr')),
  start_offset bigint not null,
  data bytea not null,
  created timestamptz not null default now(),
  primary key (execution, attempt, stream, start_offset)
);
create index execution_log_age on execution_log (created);

create table artifact (
  id bigint generated always as identity primary key,
  ref text not null unique,
  scope text not null check (scope in ('system', 'identity', 'pack', 'action', 'sensor')),
  owner text not null default '',
  type text not null check (type in ('file_text', 'file_binary', 'file_image', 'file_datatable', 'progress', 'url', 'other')),
  visibility text not null default 'private' check (visibility in ('public', 'private')),
  name text,
  description text,
  content_type text,
  size_bytes bigint,
  data json,
  retention_policy text not null default 'versions' check (retention_policy in ('versions', 'days', 'hours', 'minutes')),
  retention_limit int not null default 5 check (retention_limit > 0),
  -- Highest version number that the settling of executions gave out.
  last_version int not null default 0,
  created timestamptz not null default now(),
  updated timestamptz not null default now()
);

create table artifact_version (
  id bigint generated always as identity primary key,
  artifact bigint not null references artifact on delete cascade,
  version int not null,
  execution bigint,
  content_type text,
  size_bytes bigint,
  -- Where the bytes are: a file below artifacts_dir, JSON content, or the log of `execution`.
  file_path text,
  content_json json,
  log_stream text check (log_stream in ('stdout', 'stderr')),
  meta jsonb,
  created_by text,
  created timestamptz not null default now(),
  unique (artifact, version)
);
create index artifact_version_of_execution on artifact_version (execution) where execution is not null;

-- Loops that must run once, and which control-plane processes are alive.
create table service_lease (
  name text primary key,
  holder text not null,
  held_until timestamptz not null
);

create table service (
  id text primary key,
  role text not null check (role in ('api', 'scheduler')),
  started_at timestamptz not null default now(),
  seen_at timestamptz not null default now()
);
