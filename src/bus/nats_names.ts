import { checkQueue, checkSubject } from "./names.ts";

/** Where a queue lives on the server. */
export interface QueuePlace {
  /** Messages are published here. */
  subject: string;
  /** One stream for all queues of one first word: `work.a` and `work.b` share one. */
  stream: string;
  streamSubjects: string[];
  /** One durable consumer a queue. */
  consumer: string;
}

/** The server's names for the queue. Throws a TypeError for a name no bus takes. */
export function placeOf(prefix: string, queue: string): QueuePlace {
  checkQueue(queue);
  const family = queue.split(".", 1)[0]!;
  return {
    subject: `${prefix}.${queue}`,
    stream: `${prefix}_${family}`,
    streamSubjects: [`${prefix}.${family}`, `${prefix}.${family}.>`],
    consumer: queue.replaceAll(".", "="), // a dot cannot be in a consumer's name
  };
}

export function nudgeSubject(prefix: string, subject: string): string {
  checkSubject(subject);
  return `${prefix}.nudge.${subject}`;
}

/** Throws a TypeError unless `prefix` can begin names of streams and subjects. */
export function checkPrefix(prefix: string): void {
  if (/^[A-Za-z0-9_-]+$/.test(prefix)) return;
  throw new TypeError(
    `Cannot use ${
      JSON.stringify(prefix)
    } as the bus prefix: it must be one word of A-Z a-z 0-9 _ -`,
  );
}

/** Pull requests for the consumer go here. */
export function pullSubject({ stream, consumer }: QueuePlace): string {
  return `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`;
}
