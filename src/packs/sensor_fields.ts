import { freeMap, listOrOne } from "./collections.ts";
import { optional } from "./fields.ts";
import { componentRef, ownRef } from "./ref_fields.ts";
import { runnableFields } from "./runnable_fields.ts";
import { number, oneOf } from "./scalars.ts";

/** `sensors/*.yaml` (packs.md 6.1). */
export function sensorFields(pack: string) {
  return {
    ...runnableFields(ownRef(pack), { policy: "versions", limit: 4 }),
    trigger_types: optional(listOrOne(componentRef(pack)), [], {
      aliases: ["trigger_type"],
    }),
    mode: optional(oneOf(["poll", "daemon", "builtin"]), null),
    poll_interval: optional(number({ over: 0 }), null),
    timeout: optional(number({ over: 0 }), 30, {
      aliases: ["timeout_seconds"],
    }),
    config: optional(freeMap, {}),
  };
}
