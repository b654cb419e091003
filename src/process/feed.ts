/**
 * Writes everything and ends the input. A process that does not read, or has
 * left, is no error. Gives up when `cut` aborts.
 */
export async function feed(
  stdin: WritableStream<Uint8Array>,
  bytes: Uint8Array,
  cut: AbortSignal,
): Promise<void> {
  const writer = stdin.getWriter();
  const giveUp = () => void writer.abort().catch(() => {});
  cut.addEventListener("abort", giveUp, { once: true });
  try {
    await writer.write(bytes);
    await writer.close();
  } catch {
    // Broken pipe: the process is free not to read its input.
  } finally {
    cut.removeEventListener("abort", giveUp);
  }
}
