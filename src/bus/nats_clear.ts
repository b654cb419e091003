import { type Link, within } from "./nats_link.ts";

const EXPIRES_MS = 5;
const ANSWER_MS = 500;

/**
 * Makes the server forget pull requests whose subscriptions are gone. They would
 * harm: when nats-server 2.9.10 gives a message out again and finds only such
 * requests, the message waits for another ack wait. A request that is served or
 * expires makes it tidy up. Resolves with the acknowledgement subject of the
 * message that this request was served with, if it was.
 */
export async function clearRequests(
  link: Link,
  pullSubject: string,
): Promise<string | undefined> {
  const inbox = link.inbox();
  const { promise, resolve } = Promise.withResolvers<void>();
  let answerTo: string | undefined;
  const subscription = link.nc.subscribe(inbox, {
    callback: (error, msg) => {
      if (error === null && msg.subject !== inbox) answerTo = msg.reply;
      resolve();
    },
  });
  link.nc.publish(
    pullSubject,
    `{"batch":1,"expires":${EXPIRES_MS * 1e6}}`,
    { reply: inbox },
  );
  await within(ANSWER_MS, promise);
  if (!subscription.isClosed()) subscription.unsubscribe();
  return answerTo;
}
