/** More than this is never held back. */
const HOLD_MAX = 8 * 1024;

/**
 * Passes chunks on, but holds them back as long as the stream may turn out to
 * be a message that begins with `prefix`; an empty prefix holds nothing.
 */
export function holdHead(sink: (chunk: Uint8Array) => void, prefix: string) {
  const wanted = new TextEncoder().encode(prefix);
  let held = new Uint8Array();
  let open = wanted.length === 0;

  function release() {
    if (open) return;
    open = true;
    if (held.length > 0) sink(held);
  }

  return {
    write(chunk: Uint8Array) {
      if (open) return sink(chunk);
      const joined = new Uint8Array(held.length + chunk.length);
      joined.set(held);
      joined.set(chunk, held.length);
      held = joined;
      const compared = Math.min(held.length, wanted.length);
      for (let i = 0; i < compared; i++) {
        if (held[i] !== wanted[i]) return release();
      }
      if (held.length > HOLD_MAX) release();
    },
    /** What is held back now. */
    held: (): Uint8Array => open ? new Uint8Array() : held,
    /** Passes on what is held back; nothing is from here on. */
    release,
  };
}
