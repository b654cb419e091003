const NAME = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/;

/** Throws a TypeError unless `name` can be a queue on every bus. */
export function checkQueue(name: string): void {
  if (!NAME.test(name)) throw badName("queue", name);
  if (name.split(".", 1)[0] === "nudge") {
    throw new TypeError(
      `Cannot use "${name}" as a queue: "nudge" is where nudges travel; choose another first word`,
    );
  }
}

/** Throws a TypeError unless `name` can be nudged and watched on every bus. */
export function checkSubject(name: string): void {
  if (!NAME.test(name)) throw badName("subject", name);
}

/** Throws a RangeError unless `count` is a number of messages. */
export function checkCount(count: number): void {
  if (Number.isSafeInteger(count) && count >= 0) return;
  throw new RangeError(
    `Cannot want ${count} messages: the count must be a whole number and not negative`,
  );
}

function badName(kind: string, name: string): TypeError {
  return new TypeError(
    `Cannot use ${
      JSON.stringify(name)
    } as a ${kind}: names are words of A-Z a-z 0-9 _ - joined by dots`,
  );
}
