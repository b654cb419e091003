/**
 * Calls `onGone` once when a program that started us has gone: `deno task`, or
 * above it npx, which does not pass SIGTERM on. Started in any other way, or
 * without /proc, it never calls.
 */
export function watchLaunchers(onGone: () => void): Disposable {
  const chain = launchers();
  const timer = setInterval(() => {
    if (chain.every(({ pid, parent }) => parentOf(pid) === parent)) return;
    clearInterval(timer);
    onGone();
  }, LOOK_MS);
  Deno.unrefTimer(timer as never);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

const LOOK_MS = 500;

/** Links from us upward whose upper end must stay: up to `deno task`, and to npx when it is there. */
function launchers(): { pid: number; parent: number }[] {
  const chain: { pid: number; parent: number }[] = [];
  let keep = 0;
  for (let pid = Deno.pid; chain.length < 4;) {
    const parent = parentOf(pid);
    if (parent === undefined || parent <= 1) break;
    chain.push({ pid, parent });
    const command = commandOf(parent);
    if (chain.length === 1 && !/\bdeno\0.*\btask\0/.test(command)) break;
    if (
      chain.length === 1 || /^(npm exec|npx)\b|\/npx(-cli\.js)?\0/.test(command)
    ) {
      keep = chain.length;
    }
    pid = parent;
  }
  return chain.slice(0, keep);
}

function parentOf(pid: number): number | undefined {
  if (pid === Deno.pid) return Deno.ppid;
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    return Number(/^PPid:\s*(\d+)$/m.exec(status)?.[1]);
  } catch {
    return undefined;
  }
}

function commandOf(pid: number): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`);
  } catch {
    return "";
  }
}
