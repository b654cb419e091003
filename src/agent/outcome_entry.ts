import { Buffer } from "node:buffer";
import type { Held, OutcomeReport } from "../domain/agent_protocol.ts";

/** One outcome in the spool, from its attempt's end to the confirmation that it is settled. */
export interface Entry {
  readonly held: Held;
  /** Null: only in its file. */
  report: OutcomeReport | null;
  readonly bytes: number;
  readonly secret: boolean;
  /** True once the bus or the API took it. */
  sent: boolean;
  /** Answered heartbeats since it was sent that did not confirm it. */
  beats: number;
  file: string | null;
}

const BATCH = 100;
const BATCH_BYTES = 8 * 1024 * 1024;

export function entryOf(report: OutcomeReport, secret: boolean): Entry {
  const { id, attempt, lease } = report;
  return {
    held: { id, attempt, lease },
    report,
    bytes: Buffer.byteLength(JSON.stringify(report)),
    secret,
    sent: false,
    beats: 0,
    file: null,
  };
}

/** What goes into one message or request: the first of `waiting`, at least one. */
export function nextBatch(waiting: Iterable<Entry>): Entry[] {
  const batch: Entry[] = [];
  let bytes = 0;
  for (const entry of waiting) {
    bytes += entry.bytes;
    if (batch.length > 0 && bytes > BATCH_BYTES) break;
    batch.push(entry);
    if (batch.length === BATCH) break;
  }
  return batch;
}
