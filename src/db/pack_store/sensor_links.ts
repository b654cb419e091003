import type { PackFault, PackSensor } from "../../domain/pack.ts";
import type { Queryable } from "../connect.ts";

/**
 * Gives each trigger the sensor that emits it, and takes off the links that
 * this pack's files no longer ask for. A trigger has one sensor: the first in
 * the order of the files.
 */
export async function linkTriggers(
  sql: Queryable,
  packId: number,
  sensors: readonly PackSensor[],
  skipped: readonly string[],
): Promise<PackFault[]> {
  const warnings: PackFault[] = [];
  const wanted = new Map<string, string>();
  const warn = (sensor: PackSensor, message: string) =>
    warnings.push({
      file: sensor.file,
      line: 1,
      key: "trigger_types",
      message,
    });
  for (const sensor of sensors) {
    for (const trigger of sensor.trigger_types) {
      const first = wanted.get(trigger);
      if (first === undefined) wanted.set(trigger, sensor.ref);
      else if (first !== sensor.ref) {
        warn(sensor, `trigger '${trigger}' stays with sensor '${first}'`);
      }
    }
  }
  await sql`
    update trigger t set sensor = null, sensor_ref = null, updated = now()
    from sensor s
    where s.id = t.sensor and s.pack = ${packId} and not s.is_adhoc
      and s.ref <> all(${skipped as string[]}::text[])
      and t.ref <> all(${[...wanted.keys()]}::text[])`;
  const found = await sql<{ ref: string }[]>`
    with wanted as (
      select * from unnest(${[...wanted.keys()]}::text[], ${[
    ...wanted.values(),
  ]}::text[]) as w (trigger_ref, sensor_ref)
    ), linked as (
      update trigger t set sensor = s.id, sensor_ref = s.ref, updated = now()
      from wanted w join sensor s on s.ref = w.sensor_ref
      where t.ref = w.trigger_ref and (t.sensor, t.sensor_ref) is distinct from (s.id, s.ref)
    )
    select t.ref from trigger t join wanted w on w.trigger_ref = t.ref`;
  const there = new Set(found.map((row) => row.ref));
  for (const sensor of sensors) {
    for (const trigger of sensor.trigger_types) {
      if (!there.has(trigger)) {
        warn(sensor, `trigger '${trigger}' does not exist`);
      }
    }
  }
  return warnings;
}
